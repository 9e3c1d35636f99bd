import { z } from 'zod';
import { MtplxError, version } from '../../runtime/index.ts';
import { deepest } from '../../runtime/decoding/depth/controller.ts';
import type { Tuning } from '../../runtime/settings/profile.ts';
import { armsOf } from '../bench/arms.ts';
import { firstDifference } from '../bench/coupling.ts';
import { type GenerationSetup, measureJob, warmUp } from '../bench/generations.ts';
import { encodePrompts } from '../bench/prompts.ts';
import { generationColumns, generationRows, generationsOf } from '../bench/rows.ts';
import { type Job, jobKey, schedule } from '../bench/schedule.ts';
import { chooseSuite, openSuite, suiteChoice } from '../bench/suite-choice.ts';
import { tokensPerSecond } from '../bench/summary.ts';
import type { RunDescription } from '../experiments/description.ts';
import type { Experiment } from '../experiments/experiment.ts';
import { chooseModel, describeModel, modelChoice, openModel } from '../experiments/model.ts';
import { loadSuite } from '../suites/suite.ts';
import { fitDepths } from './fit.ts';

const positive = z.number().gt(0);

const specSchema = z.strictObject({
  /** `prompts` may be the first ones of the suite alone. */
  suite: suiteChoice,
  model: modelChoice,
  draft_head: z.union([z.literal(3), z.literal(4)]).nullable(),
  runs: z.int().min(1),
  seed: z.int().min(0),
  /** null: the physical cores. */
  threads: z.int().min(1).nullable(),
  backend: z.string(),
});

export type TuneSpec = z.infer<typeof specSchema>;

export const tuneSchema = z.strictObject({
  suite: z.string(),
  prompts: z.int().min(1),
  runs: z.int().min(1),
  model: z.strictObject({ name: z.string(), hash: z.string().length(64) }),
  draft_head: specSchema.shape.draft_head,
  backend: z.string(),
  isa: z.string(),
  threads: z.int().min(1),
  started: z.iso.datetime(),
  /** The recommendation: drafts a cycle; 0 when plain decoding is fastest. */
  depth: z.int().min(0),
  /** Predicted tokens a second at that depth over those of plain decoding. */
  speedup: positive,
  depths: z.array(
    z.strictObject({
      depth: z.int().min(0),
      cycles: z.int().min(1),
      cycle_ms: positive,
      tok_s: positive,
      predicted_tok_s: positive,
    }),
  ),
  acceptance: z.array(z.number().min(0).max(1)),
  line: z.strictObject({ plain_ms: z.number(), draft_ms: z.number() }),
  /** Where two arms' texts differ first, in words; null: they are the same, as they must. */
  first_difference: z.string().nullable(),
  arrow_file: z.string(),
});

export type TuneDocument = z.infer<typeof tuneSchema>;

export interface TuneOptions {
  suite: string;
  /** Model folder. */
  model: string;
  /** How many of the suite's prompts; default all. */
  prompts?: number | undefined;
  runs: number;
  seed?: number;
  draftHead?: 3 | 4 | undefined;
  threads?: number | undefined;
  backend?: string | undefined;
}

const arms = armsOf(Array.from({ length: deepest + 1 }, (_, depth) => depth));

/** @throws MtplxError MTPLX_E_SUITE_UNKNOWN, and what a model folder throws */
export async function tuneSpec(options: TuneOptions): Promise<TuneSpec> {
  const suite = chooseSuite(await loadSuite(options.suite));
  return {
    suite: { ...suite, prompts: suite.prompts.slice(0, options.prompts) },
    model: await chooseModel(options.model),
    draft_head: options.draftHead ?? null,
    runs: options.runs,
    seed: options.seed ?? 0,
    threads: options.threads ?? null,
    backend: options.backend ?? 'cpu',
  };
}

/**
 * Plain decoding and every depth on a suite, coupled, so that all arms emit the same texts and cost alone differs. A
 * unit is one generation; the arms take turns, prompt by prompt.
 */
export const tune: Experiment<TuneSpec, typeof generationColumns, TuneDocument> = {
  name: 'tune',
  specVersion: 1,
  specSchema,
  resultSchema: tuneSchema,
  columns: generationColumns,
  units: (spec) =>
    jobsOf(spec).map((job) => {
      const text = `run ${job.run + 1}, ${spec.suite.prompts[job.prompt]!}, ${job.arm.name}`;
      return { key: jobKey(job, spec.suite.prompts), text, cost: 1 };
    }),
  open: async (spec, environment) => {
    const suite = await openSuite(spec.suite);
    const model = await openModel(spec.model, environment, {
      threads: spec.threads ?? undefined,
      backend: spec.backend,
      draftHeadBits: spec.draft_head ?? undefined,
    });
    try {
      if (!model.folder.spec.mtp) throw new MtplxError('MTPLX_E_NO_MTP', { folder: model.folder.folder });
      const setup: GenerationSetup = { suite, model, prompts: await encodePrompts(suite, model), now: environment.now };
      for (const arm of arms) {
        environment.report(`warm-up, ${arm.name}`);
        await warmUp(setup, { arm, acceptance: 'coupled', seed: spec.seed }, environment.signal);
      }
      const jobs = new Map(jobsOf(spec).map((job) => [jobKey(job, spec.suite.prompts), job]));
      return {
        ...describeModel(model),
        run: async ({ key }, signal) =>
          generationRows(await measureJob(setup, jobs.get(key)!, signal), spec.suite.prompts),
        close: () => model.dispose(),
      };
    } catch (error) {
      await model.dispose();
      throw error;
    }
  },
  summarise: (spec, rows, { description, arrowFile }) => {
    const generations = generationsOf(rows, spec.suite.prompts);
    const fit = fitDepths(
      generations,
      arms.map(({ depth }) => depth),
    );
    const predicted = (depth: number): number => fit.depths[depth]!.predicted_tok_s;
    const { backend, isa, threads } = description.engine!;
    return {
      suite: spec.suite.name,
      prompts: spec.suite.prompts.length,
      runs: spec.runs,
      model: { name: spec.model.name, hash: spec.model.hash },
      draft_head: spec.draft_head,
      backend,
      isa,
      threads,
      started: description.started,
      ...fit,
      speedup: predicted(fit.depth) / predicted(0),
      first_difference: firstDifference(generations),
      arrow_file: arrowFile,
    };
  },
  rate: (rows) => tokensPerSecond(generationsOf(rows, [...new Set(rows.map(({ prompt }) => prompt))])),
  headline: ({ depth, speedup }) => `depth ${depth}, ${speedup.toFixed(2)}×`,
};

/** The tuning for the user's profile, as it was measured on `machine`. */
export function tuningOf(document: TuneDocument, machine: RunDescription['machine']): Tuning {
  const { model, draft_head, backend, isa, threads, depth, depths, acceptance, suite, started } = document;
  return {
    model_hash: model.hash,
    model_name: model.name,
    draft_head,
    machine: { cpu: machine.cpu, cores: machine.usable_cores, arch: machine.arch },
    backend,
    isa,
    threads,
    depth,
    cycle_ms: depths.map(({ cycle_ms }) => cycle_ms),
    acceptance,
    tok_s: depths.map(({ tok_s }) => tok_s),
    suite,
    mtplx: version,
    measured: started,
  };
}

function jobsOf({ suite, runs, seed }: TuneSpec): Job[] {
  return schedule({ prompts: suite.prompts.length, arms, runs, seed, acceptance: 'coupled' });
}
