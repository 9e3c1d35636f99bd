import { z } from 'zod';
import type { Arm } from '../bench/arms.ts';
import { type GenerationSetup, measureJob } from '../bench/generations.ts';
import type { MeasuredGeneration } from '../bench/measure.ts';
import { jobSeed } from '../bench/schedule.ts';
import { openSetup, type SuiteOptions, suiteSpec, suiteSpecSchema } from '../bench/setup.ts';
import type { Environment, Experiment, OpenExperiment } from '../experiments/experiment.ts';
import { describeModel } from '../experiments/model.ts';
import { headerOf } from '../header.ts';
import { armOfDepth } from './arms.ts';
import { bucketsOf } from './buckets.ts';
import { coolDown } from './cool-down.ts';
import { type ThermalDocument, thermalSchema } from './document.ts';
import { type Phase, thermalColumns, type ThermalRow, thermalRow } from './rows.ts';
import { Sampler } from './sampler.ts';
import { machineSensors } from './sensors/index.ts';
import type { Sensors } from './sensors/sensors.ts';
import { speed, summariseThermal } from './summary.ts';

const specSchema = suiteSpecSchema.extend({
  /** Drafts a cycle of the arms, in their order; 0 is plain decoding. */
  depths: z.array(z.int().min(0).max(8)).min(1),
  /** Of each leg. */
  minutes: z.number().gt(0),
  /** How often the arms take their turns; every second time in the other order. */
  rounds: z.int().min(1),
  /** Seconds between two legs, at most; without a sensor, exactly. */
  cool_down_s: z.int().min(0),
  /** Whether macOS's powermetrics may run as root. */
  powermetrics: z.boolean(),
});

export type ThermalSpec = z.infer<typeof specSchema>;

export interface ThermalOptions extends SuiteOptions {
  arms: readonly Arm[];
  minutes: number;
  rounds: number;
  coolDown: number;
  powermetrics: boolean;
}

/** @throws MtplxError MTPLX_E_SUITE_UNKNOWN, and what a model folder throws */
export async function thermalSpec(options: ThermalOptions): Promise<ThermalSpec> {
  const { arms, minutes, rounds, coolDown: cool_down_s, powermetrics } = options;
  const depths = arms.map(({ depth }) => depth);
  return { ...(await suiteSpec(options)), depths, minutes, rounds, cool_down_s, powermetrics };
}

/**
 * Each arm decodes the suite's prompts without a pause, one arm after the other with a cool-down between them, while
 * sensors are read once a second. A unit is one leg: to break it in two would cool the machine.
 */
export const thermal: Experiment<ThermalSpec, typeof thermalColumns, ThermalDocument> = {
  name: 'thermal',
  specVersion: 1,
  specSchema,
  resultSchema: thermalSchema,
  columns: thermalColumns,
  units: (spec) =>
    legsOf(spec).map(({ leg, arm }) => ({
      key: `${leg}/${arm.name}`,
      text: `leg ${leg + 1}, ${arm.name}, ${spec.minutes} min`,
      cost: secondsOf(spec) + (leg > 0 ? spec.cool_down_s : 0),
    })),
  open: async (spec, environment) => openThermal(spec, environment, await machineSensors(spec.powermetrics)),
  summarise: (spec, rows, context) => {
    const { suite, acceptance, seed, minutes, rounds, cool_down_s } = spec;
    const header = headerOf(suite, context);
    return { ...header, acceptance, seed, minutes, rounds, cool_down_s, ...summariseThermal(rows, seed) };
  },
  rate: speed,
  headline: ({ legs }) =>
    legs.map(({ arm, tok_s, drift }) => `${arm} ${tok_s.toFixed(0)} tok/s, drift ${drift.value.toFixed(3)}`).join('; '),
};

interface LegPlan {
  leg: number;
  arm: Arm;
}

function legsOf({ depths, rounds }: ThermalSpec): LegPlan[] {
  const turns = Array.from({ length: rounds }, (_, round) => (round % 2 === 0 ? depths : depths.toReversed())).flat();
  return turns.map((depth, leg) => ({ leg, arm: armOfDepth(depth) }));
}

function secondsOf({ minutes }: ThermalSpec): number {
  return Math.max(1, Math.round(minutes * 60));
}

/** With sensors of the caller's choice, for tests. */
export async function openThermal(
  spec: ThermalSpec,
  environment: Environment,
  sensors: Sensors,
): Promise<OpenExperiment<ThermalRow>> {
  // Before the model is loaded: what the machine is like when nobody works.
  const { temperatureC: startC } = await sensors.read();
  const close = (): void => sensors.close();
  const setup = await openSetup(spec, spec.depths.map(armOfDepth), environment).catch((error: unknown) => {
    close();
    throw error;
  });
  const legs = new Map(thermal.units(spec).map(({ key }, i) => [key, legsOf(spec)[i]!]));
  let rested = true;
  return {
    ...describeModel(setup.model),
    run: async ({ key }, signal) => {
      const plan = legs.get(key)!;
      const pause = rested ? [] : await coolDownRows(plan, spec, { sensors, startC, now: setup.now }, signal);
      rested = false;
      return [...pause, ...(await runLeg(plan, spec, setup, sensors, signal))];
    },
    close: async () => {
      close();
      await setup.model.dispose();
    },
  };
}

async function coolDownRows(
  plan: LegPlan,
  { cool_down_s: seconds }: ThermalSpec,
  { sensors, startC, now }: { sensors: Sensors; startC: number | null; now: () => number },
  signal: AbortSignal | undefined,
): Promise<ThermalRow[]> {
  const phase: Phase = { ...plan, phase: 'cool-down', beginMs: now() };
  const readings = await coolDown(sensors, { startC, seconds, signal });
  return bucketsOf([], phase.beginMs, readings.length).map((bucket, i) => thermalRow(phase, bucket, readings[i]!));
}

/** What comes after the last second is not counted. */
async function runLeg(
  plan: LegPlan,
  spec: ThermalSpec,
  setup: GenerationSetup,
  sensors: Sensors,
  signal: AbortSignal | undefined,
): Promise<ThermalRow[]> {
  const seconds = secondsOf(spec);
  const phase: Phase = { ...plan, phase: 'run', beginMs: setup.now() };
  const sampler = new Sampler(sensors);
  const end = phase.beginMs + seconds * 1000;
  const [leg] = await Promise.allSettled([sustain(plan.arm, spec, setup, end, signal)]);
  const reading = await sampler.stop();
  if (leg.status === 'rejected') throw leg.reason;
  return bucketsOf(leg.value, phase.beginMs, seconds).map((bucket) =>
    thermalRow(phase, bucket, reading(bucket.second)),
  );
}

/** Prompt after prompt until `endMs` on the run's clock. */
async function sustain(
  arm: Arm,
  { seed, acceptance }: ThermalSpec,
  setup: GenerationSetup,
  endMs: number,
  signal: AbortSignal | undefined,
): Promise<MeasuredGeneration[]> {
  const generations: MeasuredGeneration[] = [];
  while (setup.now() < endMs) {
    const prompt = generations.length % setup.prompts.length;
    const run = Math.floor(generations.length / setup.prompts.length);
    const job = { run, prompt, arm, acceptance, seed: jobSeed(seed, prompt, run) };
    generations.push(await measureJob(setup, job, signal));
  }
  return generations;
}
