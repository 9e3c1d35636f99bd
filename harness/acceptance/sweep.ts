import { z } from 'zod';
import { armsOf } from '../bench/arms.ts';
import { measureJob } from '../bench/generations.ts';
import { generationColumns, type GenerationRow, generationRows, generationsOf, rateOfRows } from '../bench/rows.ts';
import { openSetup, type SuiteOptions, suiteSpec, suiteSpecSchema } from '../bench/setup.ts';
import type { Environment, Experiment, OpenExperiment } from '../experiments/experiment.ts';
import { describeModel } from '../experiments/model.ts';
import { headerOf } from '../header.ts';
import { type SweepDocument, sweepSchema } from './sweep-document.ts';
import { type Block, sweepOrder } from './sweep-order.ts';
import { summariseSweep } from './sweep-summary.ts';

const specSchema = suiteSpecSchema.extend({
  /** Drafts a cycle of the arms beside plain decoding. */
  depths: z.array(z.int().min(0).max(8)).min(1),
  runs: z.int().min(1),
});

export type SweepSpec = z.infer<typeof specSchema>;

export interface SweepOptions extends SuiteOptions {
  depths: readonly number[];
  runs: number;
}

/** @throws MtplxError MTPLX_E_SUITE_UNKNOWN, and what a model folder throws */
export async function sweepSpec(options: SweepOptions): Promise<SweepSpec> {
  return { ...(await suiteSpec(options)), depths: [...options.depths], runs: options.runs };
}

/**
 * Every depth against plain decoding on a suite, in an order drawn at random, with intervals for every ratio and the
 * prediction beside the measurement. A unit is one block: a prompt in a repeat, all arms side by side.
 */
export const sweep: Experiment<SweepSpec, typeof generationColumns, SweepDocument> = {
  name: 'sweep',
  specVersion: 1,
  specSchema,
  resultSchema: sweepSchema,
  columns: generationColumns,
  units: (spec) =>
    blocksOf(spec).map((block) => {
      const { run, prompt, jobs } = block;
      const name = spec.suite.prompts[prompt]!;
      return { key: keyOf(block), text: `repeat ${run + 1}, ${name}`, cost: jobs.length };
    }),
  open: openSweep,
  summarise: (spec, rows, context) => {
    const { runs, seed, acceptance, suite } = spec;
    const generations = generationsOf(rows, suite.prompts);
    return { ...headerOf(suite, context), runs, seed, acceptance, ...summariseSweep(generations, spec) };
  },
  rate: rateOfRows,
  headline: ({ best_arm, arms }) => {
    const { value, low, high } = arms.find(({ name }) => name === best_arm)!.estimates.speedup_vs_ar;
    return `best arm ${best_arm}, ${value.toFixed(2)}× (${low.toFixed(2)} to ${high.toFixed(2)})`;
  },
};

function blocksOf({ suite, depths, runs, seed, acceptance }: SweepSpec): Block[] {
  return sweepOrder({ prompts: suite.prompts.length, depths, runs, seed, acceptance });
}

function keyOf({ run, prompt }: Block): string {
  return `${run}/${prompt}`;
}

async function openSweep(spec: SweepSpec, environment: Environment): Promise<OpenExperiment<GenerationRow>> {
  const setup = await openSetup(spec, armsOf(spec.depths), environment);
  const blocks = new Map(blocksOf(spec).map((block) => [keyOf(block), block]));
  return {
    ...describeModel(setup.model),
    run: async ({ key }, signal) => {
      const rows: GenerationRow[] = [];
      for (const job of blocks.get(key)!.jobs)
        rows.push(...generationRows(await measureJob(setup, job, signal), spec.suite.prompts));
      return rows;
    },
    close: () => setup.model.dispose(),
  };
}
