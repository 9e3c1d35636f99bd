import { z } from 'zod';
import { MtplxError } from '../../runtime/index.ts';
import { deepest } from '../../runtime/decoding/depth/controller.ts';
import { DepthController } from '../../runtime/decoding/depth/policy.ts';
import type { Arm } from '../bench/arms.ts';
import { firstDifference } from '../bench/coupling.ts';
import { type GenerationSetup, warmUp } from '../bench/generations.ts';
import { jobDecoding, measure, type MeasuredGeneration } from '../bench/measure.ts';
import { encodePrompts } from '../bench/prompts.ts';
import { generationColumns, generationRows, generationsOf } from '../bench/rows.ts';
import { type Job, jobKey, jobSeed } from '../bench/schedule.ts';
import { chooseSuite, openSuite, suiteChoice } from '../bench/suite-choice.ts';
import { tokensPerSecond } from '../bench/summary.ts';
import { bootstrap, meanRateRatio, type Rate, type RatePair } from '../intervals.ts';
import type { Experiment } from '../experiments/experiment.ts';
import { chooseModel, describeModel, modelChoice, openModel } from '../experiments/model.ts';
import { randomOf, shuffled } from '../randomness.ts';
import { loadSuite } from '../suites/suite.ts';

/** Automatic depth may lose this share of the best fixed depth's speed, and of plain decoding's. */
export const allowedLoss = 0.03;

const positive = z.number().gt(0);
const count = z.int().min(0);

const specSchema = z.strictObject({
  suite: suiteChoice,
  model: modelChoice,
  /** The fixed depth to hold it against, found best by a run before this one; 0: plain decoding alone. */
  fixed: z.int().min(0).max(8),
  /** Where the controller begins; see DepthStart. */
  start: z.strictObject({
    depth: z.int().min(0).max(8),
    cycle_ms: z.array(positive).min(2).nullable(),
    acceptance: z.array(z.number().min(0).max(1)).min(1).nullable(),
  }),
  runs: z.int().min(1),
  seed: count,
  acceptance: z.enum(['leviathan', 'coupled']),
  /** null: the physical cores. */
  threads: z.int().min(1).nullable(),
  backend: z.string(),
});

export type AutoSpec = z.infer<typeof specSchema>;

/** Automatic depth over another arm: mean of the prompts' ratios, 95 % bootstrap over prompts and repeats. */
const against = z.strictObject({ arm: z.string(), ratio: positive, low: positive, high: positive });

export const autoSchema = z.strictObject({
  suite: z.string(),
  prompts: z.int().min(1),
  runs: z.int().min(1),
  acceptance: z.enum(['leviathan', 'coupled']),
  start: specSchema.shape.start,
  arms: z.array(z.strictObject({ name: z.string(), tok_s: positive, cycles: count })),
  against: z.array(against).min(1),
  allowed_loss: z.number(),
  /** The lower end of every interval is above 1 less the allowed loss. */
  passed: z.boolean(),
  /** Cycles of the automatic arm with 0, 1, … drafts. */
  cycles_at_depth: z.array(count),
  /** With coupled acceptance all arms' texts are the same; where two differ first, in words. */
  first_difference: z.string().nullable(),
  arrow_file: z.string(),
});

export type AutoDocument = z.infer<typeof autoSchema>;

export interface AutoOptions extends Pick<AutoSpec, 'fixed' | 'start' | 'runs' | 'acceptance'> {
  suite: string;
  /** Model folder. */
  model: string;
  seed?: number;
  threads?: number | undefined;
  backend?: string | undefined;
}

/** Its texts begin with a policy; the depth is the most that it may draft. */
const autoArm: Arm = { name: 'auto', depth: deepest };

/** @throws MtplxError MTPLX_E_SUITE_UNKNOWN, and what a model folder throws */
export async function autoSpec(options: AutoOptions): Promise<AutoSpec> {
  return {
    suite: chooseSuite(await loadSuite(options.suite)),
    model: await chooseModel(options.model),
    fixed: options.fixed,
    start: options.start,
    runs: options.runs,
    seed: options.seed ?? 0,
    acceptance: options.acceptance,
    threads: options.threads ?? null,
    backend: options.backend ?? 'cpu',
  };
}

/**
 * Automatic depth against a fixed one and plain decoding, on the same prompts and seeds, the order of the arms drawn at
 * random for every prompt. The controller lives through all generations, as it does in a loaded model; in a run that is
 * resumed it begins again.
 */
export const auto: Experiment<AutoSpec, typeof generationColumns, AutoDocument> = {
  name: 'auto',
  specVersion: 1,
  specSchema,
  resultSchema: autoSchema,
  columns: generationColumns,
  units: (spec) =>
    jobsOf(spec).map((job) => {
      const text = `run ${job.run + 1}, ${spec.suite.prompts[job.prompt]!}, ${job.arm.name}`;
      return { key: jobKey(job, spec.suite.prompts), text, cost: 1 };
    }),
  open: async (spec, environment) => {
    const suite = await openSuite(spec.suite);
    const { threads, backend, acceptance, seed } = spec;
    const model = await openModel(spec.model, environment, { threads: threads ?? undefined, backend });
    try {
      if (!model.folder.spec.mtp) throw new MtplxError('MTPLX_E_NO_MTP', { folder: model.folder.folder });
      const setup: GenerationSetup = { suite, model, prompts: await encodePrompts(suite, model), now: environment.now };
      for (const arm of armsOf(spec)) {
        environment.report(`warm-up, ${arm.name}`);
        await warmUp(setup, { arm, acceptance, seed }, environment.signal);
      }
      const jobs = new Map(jobsOf(spec).map((job) => [jobKey(job, spec.suite.prompts), job]));
      const { depth, cycle_ms: cycleMs, acceptance: accepted } = spec.start;
      const controller = new DepthController({ depth, cycleMs, acceptance: accepted });
      return {
        ...describeModel(model),
        run: async ({ key }, signal) => {
          const job = jobs.get(key)!;
          const decoding = jobDecoding(suite, model, job, signal);
          const depthPolicy = job.arm === autoArm ? controller.begin(decoding.maxTokens) : undefined;
          const prompt = setup.prompts[job.prompt]!;
          const generation = await measure(model, prompt, job, { ...decoding, depthPolicy }, environment.now);
          return generationRows(generation, spec.suite.prompts);
        },
        close: () => model.dispose(),
      };
    } catch (error) {
      await model.dispose();
      throw error;
    }
  },
  summarise: (spec, rows, { arrowFile }) => {
    const generations = generationsOf(rows, spec.suite.prompts);
    const ofArm = (name: string): MeasuredGeneration[] => generations.filter(({ job }) => job.arm.name === name);
    const others = armsOf(spec).filter(({ name }) => name !== autoArm.name);
    const ratios = others.map(({ name }) => {
      const { value, low, high } = bootstrap(pairs(ofArm(autoArm.name), ofArm(name)), meanRateRatio, {
        seed: spec.seed,
      });
      return { arm: name, ratio: value, low, high };
    });
    const cycles = ofArm(autoArm.name).flatMap(({ steps }) => steps.flatMap(({ cycle }) => cycle ?? []));
    const used = Math.max(0, ...cycles.map(({ drafted }) => drafted));
    return {
      suite: spec.suite.name,
      prompts: spec.suite.prompts.length,
      runs: spec.runs,
      acceptance: spec.acceptance,
      start: spec.start,
      arms: armsOf(spec).map(({ name }) => ({
        name,
        tok_s: tokensPerSecond(ofArm(name)),
        cycles: ofArm(name).reduce((total, { steps }) => total + steps.length - 1, 0),
      })),
      against: ratios,
      allowed_loss: allowedLoss,
      passed: ratios.every(({ low }) => low >= 1 - allowedLoss),
      cycles_at_depth: Array.from(
        { length: used + 1 },
        (_, depth) => cycles.filter(({ drafted }) => drafted === depth).length,
      ),
      first_difference: spec.acceptance === 'coupled' ? firstDifference(generations) : null,
      arrow_file: arrowFile,
    };
  },
  rate: (rows) => tokensPerSecond(generationsOf(rows, [...new Set(rows.map(({ prompt }) => prompt))])),
  repeats: ({ arm }) => arm !== autoArm.name,
  headline: ({ against: others, passed }) =>
    `${passed ? 'passed' : 'NOT shown'}: ${others.map(({ arm, ratio }) => `${ratio.toFixed(3)} of ${arm}`).join(', ')}`,
};

function armsOf({ fixed }: Pick<AutoSpec, 'fixed'>): Arm[] {
  const plain: Arm = { name: 'ar', depth: 0 };
  return fixed === 0 ? [plain, autoArm] : [plain, { name: `mtp-d${fixed}`, depth: fixed }, autoArm];
}

function jobsOf(spec: AutoSpec): Job[] {
  const random = randomOf(spec.seed);
  const { suite, runs, acceptance } = spec;
  return Array.from({ length: runs }, (_, run) =>
    suite.prompts.map((_id, prompt) =>
      shuffled(armsOf(spec), random).map((arm) => ({
        run,
        prompt,
        arm,
        acceptance,
        seed: jobSeed(spec.seed, prompt, run),
      })),
    ),
  ).flat(2);
}

/** The same prompts and runs of two arms side by side, prompt by prompt. */
function pairs(arm: readonly MeasuredGeneration[], base: readonly MeasuredGeneration[]): RatePair[][] {
  const bases = new Map(base.map((generation) => [keyOf(generation), rateOf(generation)]));
  const prompts = [...new Set(arm.map(({ job }) => job.prompt))];
  return prompts.map((prompt) =>
    arm
      .filter(({ job }) => job.prompt === prompt)
      .map((generation) => ({ arm: rateOf(generation), base: bases.get(keyOf(generation))! })),
  );
}

function keyOf({ job: { prompt, run } }: MeasuredGeneration): string {
  return `${run}/${prompt}`;
}

/** Tokens after the first one, and their time. */
function rateOf({ steps }: MeasuredGeneration): Rate {
  const tokens = steps.slice(1).reduce((total, step) => total + step.tokens.length, 0);
  return { tokens, ms: (steps.at(-1)?.atMs ?? 0) - (steps[0]?.atMs ?? 0) };
}
