import { z } from 'zod';
import { MtplxError } from '../../runtime/errors.ts';
import type { AcceptanceName } from '../../runtime/index.ts';
import type { Columns, RowOf } from '../experiments/columns.ts';
import type { Environment, Experiment, OpenExperiment, Unit } from '../experiments/experiment.ts';
import { chooseModel, describeModel, modelChoice, openModel } from '../experiments/model.ts';
import { loadSuite } from '../suites/suite.ts';
import { type Arm, armsOf } from './arms.ts';
import { type BenchDocument, benchSchema } from './document.ts';
import { type GenerationSetup, measureJob, warmUp } from './generations.ts';
import { encodePrompts } from './prompts.ts';
import { generationColumns, generationRows, generationsOf } from './rows.ts';
import { type Job, jobKey, schedule } from './schedule.ts';
import { chooseSuite, openSuite, suiteChoice } from './suite-choice.ts';
import { summarise, tokensPerSecond } from './summary.ts';

const specSchema = z.strictObject({
  suite: suiteChoice,
  model: modelChoice,
  /** Drafts a cycle of each arm; 0 is plain decoding. */
  depths: z.array(z.int().min(0).max(8)).min(1),
  runs: z.int().min(1),
  seed: z.int().min(0),
  acceptance: z.enum(['leviathan', 'coupled']),
  /** null: the physical cores. */
  threads: z.int().min(1).nullable(),
  backend: z.string(),
});

export type BenchSpec = z.infer<typeof specSchema>;

export const benchColumns = {
  ...generationColumns,
  /** Largest resident size of the process so far, the load of the model included. */
  peak_rss_bytes: 'long',
} as const satisfies Columns;

export interface BenchOptions {
  suite: string;
  /** Model folder. */
  model: string;
  arms: readonly Arm[];
  runs: number;
  seed: number;
  /** Default: the suite's. */
  acceptance?: AcceptanceName | undefined;
  threads?: number | undefined;
  backend?: string | undefined;
}

/** @throws MtplxError MTPLX_E_SUITE_UNKNOWN, and what a model folder throws */
export async function benchSpec(options: BenchOptions): Promise<BenchSpec> {
  const suite = await loadSuite(options.suite);
  return {
    suite: chooseSuite(suite),
    model: await chooseModel(options.model),
    depths: options.arms.map(({ depth }) => depth),
    runs: options.runs,
    seed: options.seed,
    acceptance: options.acceptance ?? suite.settings.acceptance,
    threads: options.threads ?? null,
    backend: options.backend ?? 'cpu',
  };
}

/**
 * Speculative against plain decoding on a suite. A unit is one generation; the arms take turns, prompt by prompt.
 * Opening throws MTPLX_E_NO_MTP, MTPLX_E_PROMPT_TOO_LONG, and everything that loadModel throws.
 */
export const bench: Experiment<BenchSpec, typeof benchColumns, BenchDocument> = {
  name: 'bench',
  specVersion: 1,
  specSchema,
  resultSchema: benchSchema,
  columns: benchColumns,
  units: (spec) => jobsOf(spec).map((job) => unitOf(job, spec)),
  open: openBench,
  summarise: (spec, rows, { description, arrowFile }) => {
    const { mtplx, numerics_version, commit, dirty, started, machine, engine, model } = description;
    const { mlx, isa, threads, compiler, backend } = engine!;
    const { suite, runs, seed, acceptance } = spec;
    return {
      suite: suite.name,
      spec_version: suite.spec_version,
      suite_sha256: suite.sha256,
      prompts: suite.prompts.length,
      max_tokens: suite.settings.max_tokens,
      runs,
      seed,
      sampler: suite.settings.sampler,
      draft_sampler: suite.settings.draft_sampler,
      acceptance,
      mtplx,
      numerics_version,
      commit,
      dirty,
      started,
      machine,
      backend,
      engine: { mlx, isa, threads, compiler },
      model: model!,
      peak_rss_bytes: rows.reduce((most, { peak_rss_bytes }) => Math.max(most, peak_rss_bytes), 0),
      arrow_file: arrowFile,
      ...summarise(generationsOf(rows, suite.prompts), armsOf(spec.depths), acceptance),
    };
  },
  rate: (rows) => tokensPerSecond(generationsOf(rows, [...new Set(rows.map(({ prompt }) => prompt))])),
  headline: ({ best_arm, mean_speedup_vs_ar }) =>
    mean_speedup_vs_ar === null ? `best arm ${best_arm}` : `best arm ${best_arm}, ${mean_speedup_vs_ar.toFixed(2)}×`,
};

function jobsOf({ suite, depths, runs, seed, acceptance }: BenchSpec): Job[] {
  return schedule({ prompts: suite.prompts.length, arms: armsOf(depths), runs, seed, acceptance });
}

function unitOf(job: Job, { suite }: BenchSpec): Unit {
  const { prompt, run, arm, acceptance } = job;
  const rule = acceptance === suite.settings.acceptance ? '' : ` (${acceptance})`;
  const text = `run ${run + 1}, ${suite.prompts[prompt]!}, ${arm.name}${rule}`;
  return { key: jobKey(job, suite.prompts), text, cost: 1 };
}

async function openBench(
  spec: BenchSpec,
  environment: Environment,
): Promise<OpenExperiment<RowOf<typeof benchColumns>>> {
  const suite = await openSuite(spec.suite);
  const threads = spec.threads ?? undefined;
  const model = await openModel(spec.model, environment, { threads, backend: spec.backend });
  try {
    const arms = armsOf(spec.depths);
    if (arms.some(({ depth }) => depth > 0) && !model.folder.spec.mtp)
      throw new MtplxError('MTPLX_E_NO_MTP', { folder: model.folder.folder });
    const setup: GenerationSetup = { suite, model, prompts: await encodePrompts(suite, model), now: environment.now };
    for (const arm of arms) {
      environment.report(`warm-up, ${arm.name}`);
      await warmUp(setup, { arm, acceptance: spec.acceptance, seed: spec.seed }, environment.signal);
    }
    const jobs = new Map(jobsOf(spec).map((job) => [jobKey(job, spec.suite.prompts), job]));
    return {
      ...describeModel(model),
      run: async ({ key }, signal) => {
        const generation = await measureJob(setup, jobs.get(key)!, signal);
        // Kibibytes, on every platform.
        const peak = process.resourceUsage().maxRSS * 1024;
        return generationRows(generation, spec.suite.prompts).map((row) => ({ ...row, peak_rss_bytes: peak }));
      },
      close: () => model.dispose(),
    };
  } catch (error) {
    await model.dispose();
    throw error;
  }
}
