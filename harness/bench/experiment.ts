import { z } from 'zod';
import type { Columns, RowOf } from '../experiments/columns.ts';
import type { Environment, Experiment, OpenExperiment, Unit } from '../experiments/experiment.ts';
import { describeModel } from '../experiments/model.ts';
import { type Arm, armsOf } from './arms.ts';
import { type BenchDocument, benchSchema } from './document.ts';
import { measureJob } from './generations.ts';
import { generationColumns, generationRows, generationsOf, rateOfRows } from './rows.ts';
import { type Job, jobKey, schedule } from './schedule.ts';
import { openSetup, type SuiteOptions, suiteSpec, suiteSpecSchema } from './setup.ts';
import { summarise } from './summary.ts';

const specSchema = suiteSpecSchema.extend({
  /** Drafts a cycle of each arm; 0 is plain decoding. */
  depths: z.array(z.int().min(0).max(8)).min(1),
  runs: z.int().min(1),
});

export type BenchSpec = z.infer<typeof specSchema>;

export const benchColumns = {
  ...generationColumns,
  /** Largest resident size of the process so far, the load of the model included. */
  peak_rss_bytes: 'long',
} as const satisfies Columns;

export interface BenchOptions extends SuiteOptions {
  arms: readonly Arm[];
  runs: number;
}

/** @throws MtplxError MTPLX_E_SUITE_UNKNOWN, and what a model folder throws */
export async function benchSpec(options: BenchOptions): Promise<BenchSpec> {
  const depths = options.arms.map(({ depth }) => depth);
  return { ...(await suiteSpec(options)), depths, runs: options.runs };
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
  rate: rateOfRows,
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
  const setup = await openSetup(spec, armsOf(spec.depths), environment);
  const jobs = new Map(jobsOf(spec).map((job) => [jobKey(job, spec.suite.prompts), job]));
  return {
    ...describeModel(setup.model),
    run: async ({ key }, signal) => {
      const generation = await measureJob(setup, jobs.get(key)!, signal);
      // Kibibytes, on every platform.
      const peak = process.resourceUsage().maxRSS * 1024;
      return generationRows(generation, spec.suite.prompts).map((row) => ({ ...row, peak_rss_bytes: peak }));
    },
    close: () => setup.model.dispose(),
  };
}
