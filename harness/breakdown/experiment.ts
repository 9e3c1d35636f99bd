import { z } from 'zod';
import { configureEngine } from '../../runtime/engine/engine.ts';
import { type Model, MtplxError } from '../../runtime/index.ts';
import { chooseSuite, openSuite, suiteChoice } from '../bench/suite-choice.ts';
import type { Environment, Experiment, OpenExperiment } from '../experiments/experiment.ts';
import { chooseModel, describeModel, modelChoice, openModel } from '../experiments/model.ts';
import { originOf } from '../header.ts';
import { loadSuite, promptText } from '../suites/suite.ts';
import { readBandwidths } from './bandwidth.ts';
import { weightTraffic } from './bound.ts';
import { measureCycles } from './cycles.ts';
import { measureDecisions } from './decision.ts';
import { type BreakdownDocument, breakdownSchema } from './document.ts';
import { breakdownColumns, breakdownRow, type BreakdownRow } from './rows.ts';
import { summariseBreakdown } from './summary.ts';

const specSchema = z.strictObject({
  /** Its first prompt, a text of real code, so that kernels see activations of a usual size. */
  suite: suiteChoice,
  model: modelChoice,
  threads: z.array(z.int().min(1)).min(1),
  depths: z.array(z.int().min(0).max(8)).min(1),
  /** Of each setting. */
  cycles: z.int().min(1),
});

export type BreakdownSpec = z.infer<typeof specSchema>;

const promptSuite = 'cold-long-code-192';

/** @throws MtplxError what a model folder throws */
export async function breakdownSpec(options: {
  /** Model folder. */
  model: string;
  threads: readonly number[];
  depths: readonly number[];
  cycles: number;
}): Promise<BreakdownSpec> {
  return {
    suite: chooseSuite(await loadSuite(promptSuite)),
    model: await chooseModel(options.model),
    threads: [...new Set(options.threads)],
    depths: [...new Set(options.depths)],
    cycles: options.cycles,
  };
}

/** A unit: the bytes that so many threads read, or all cycles of one depth with them. */
interface Plan {
  threads: number;
  depth: number | null;
}

/** Where the time of a cycle goes, by depth and threads, beside the bound that reading the weights sets. */
export const breakdown: Experiment<BreakdownSpec, typeof breakdownColumns, BreakdownDocument> = {
  name: 'breakdown',
  specVersion: 1,
  specSchema,
  resultSchema: breakdownSchema,
  columns: breakdownColumns,
  units: (spec) =>
    plansOf(spec).map(({ threads, depth }) => ({
      key: depth === null ? `${threads}/read` : `${threads}/${depth}`,
      text: `threads ${threads}, ${depth === null ? 'reading speed' : `depth ${depth}`}`,
      // The passes of a read take about as long as hundred plain steps.
      cost: depth === null ? 100 : spec.cycles * (2 + depth),
    })),
  open: openBreakdown,
  summarise: (spec, rows, context) => {
    const { engine, model } = context.description;
    return {
      ...originOf(context),
      engine: engine!,
      model: model!,
      cycles: spec.cycles,
      ...summariseBreakdown(rows),
    };
  },
  headline: ({ rows }) =>
    rows.map(({ threads, depth, cycle_us }) => `${threads}/${depth} ${cycle_us.toFixed(0)} µs`).join(', '),
};

function plansOf({ threads, depths }: BreakdownSpec): Plan[] {
  return threads.flatMap((count) => [null, ...depths].map((depth) => ({ threads: count, depth })));
}

async function openBreakdown(spec: BreakdownSpec, environment: Environment): Promise<OpenExperiment<BreakdownRow>> {
  const suite = await openSuite(spec.suite);
  const model = await openModel(spec.model, environment, { threads: spec.threads[0] });
  try {
    if (spec.depths.some((depth) => depth > 0) && !model.folder.spec.mtp)
      throw new MtplxError('MTPLX_E_NO_MTP', { folder: model.folder.folder });
    const prompt = await model.encode(promptText(suite.prompts[0]!));
    const plans = new Map(breakdown.units(spec).map(({ key }, i) => [key, plansOf(spec)[i]!]));
    return {
      ...describeModel(model),
      run: async ({ key }, signal) => {
        const { threads, depth } = plans.get(key)!;
        if (depth === null) return readRows(model, threads, signal);
        await configureEngine({ threads });
        return cycleRows(model, prompt, { threads, depth, cycles: spec.cycles }, signal);
      },
      close: () => model.dispose(),
    };
  } catch (error) {
    await model.dispose();
    throw error;
  }
}

async function readRows(model: Model, threads: number, signal: AbortSignal | undefined): Promise<BreakdownRow[]> {
  const { step: step_bytes, draft: draft_bytes } = weightTraffic(model.folder);
  const rates = await readBandwidths(step_bytes, threads, signal);
  return rates.map((bytes_per_s, index) =>
    breakdownRow('read', { threads, depth: null }, { index, bytes_per_s, step_bytes, draft_bytes }),
  );
}

async function cycleRows(
  model: Model,
  prompt: Int32Array,
  { threads, depth, cycles }: { threads: number; depth: number; cycles: number },
  signal: AbortSignal | undefined,
): Promise<BreakdownRow[]> {
  const place = { threads, depth };
  const samples = await measureCycles(model.engine, prompt, { depth, cycles }, signal);
  const decisions = await measureDecisions(model, prompt, { depth, cycles }, signal);
  return [
    ...samples.map((sample, index) =>
      breakdownRow('engine', place, { index, prompt_tokens: prompt.length, ...sample }),
    ),
    ...decisions.map((decision_ns, index) =>
      breakdownRow('decision', place, { index, prompt_tokens: prompt.length, decision_ns }),
    ),
  ];
}
