import { z } from 'zod';
import { type Model, MtplxError } from '../../runtime/index.ts';
import { chooseSuite, suiteChoice } from '../bench/suite-choice.ts';
import { factsOf } from '../exactness/context.ts';
import { type Gate, type GateCase, reportOf } from '../exactness/gate.ts';
import { gates } from '../exactness/gates.ts';
import { scaleSchema, scales, type ScaleName } from '../exactness/scale.ts';
import { chooseModel, modelChoice } from '../experiments/model.ts';
import { loadSuite } from '../suites/suite.ts';
import { measureSteps, milliseconds, stepTimesSchema } from './prediction.ts';

const count = z.int().min(1);

/** The paired speed run: plain decoding and every depth on the first prompts of a suite. */
const speedSchema = z.strictObject({
  prompts: count,
  tokens: z.int().min(2),
  runs: count,
  depths: z.array(z.int().min(0).max(8)).min(2),
});
export type SpeedSize = z.infer<typeof speedSchema>;

export const verifySpecSchema = z.strictObject({
  model: modelChoice,
  /** What of the model decides which gates run. */
  facts: z.strictObject({
    mtp: z.boolean(),
    goldens: z.boolean(),
    vocabSize: count,
    maxPositions: count.nullable(),
  }),
  scale_name: z.enum(Object.keys(scales) as [ScaleName, ...ScaleName[]]),
  scale: scaleSchema,
  speed: speedSchema,
  suite: suiteChoice,
  seed: z.int().min(0),
  /** Measured before the run was planned, for its prediction. */
  step_times: stepTimesSchema,
  threads: count.nullable(),
  backend: z.string(),
});
export type VerifySpec = z.infer<typeof verifySpecSchema>;

const suiteName = 'cold-long-code-192';
const depths = [0, 1, 2, 3, 4, 5];
const speeds: Record<ScaleName, SpeedSize> = {
  full: { prompts: 12, tokens: 192, runs: 3, depths },
  standard: { prompts: 6, tokens: 192, runs: 1, depths },
  reduced: { prompts: 4, tokens: 96, runs: 1, depths },
  least: { prompts: 3, tokens: 48, runs: 1, depths },
  quick: { prompts: 3, tokens: 64, runs: 1, depths },
};

/** A default verification must be predicted to take no longer than this, where any scale allows it. */
export const defaultMs = 15 * 60_000;
const defaultScales: ScaleName[] = ['standard', 'reduced', 'least'];

export interface VerifyOptions {
  /** Model folder. */
  model: string;
  size: 'quick' | 'default' | 'full' | ScaleName;
  threads?: number | undefined;
  backend?: string | undefined;
}

/**
 * The spec of a verification of a loaded model; measures a few steps for its prediction.
 * @throws MtplxError MTPLX_E_NO_MTP
 */
export async function verifySpec(model: Model, options: VerifyOptions): Promise<VerifySpec> {
  if (!model.folder.spec.mtp) throw new MtplxError('MTPLX_E_NO_MTP', { folder: model.folder.folder });
  return specOfSize(options.size, {
    model: await chooseModel(options.model),
    facts: factsOf(model),
    suite: chooseSuite(await loadSuite(suiteName)),
    seed: 0,
    step_times: await measureSteps(model),
    threads: options.threads ?? null,
    backend: options.backend ?? 'cpu',
  });
}

/** A default verification takes the largest scale that is predicted to fit its time, else the least. */
export function specOfSize(
  size: VerifyOptions['size'],
  common: Omit<VerifySpec, 'scale_name' | 'scale' | 'speed'>,
): VerifySpec {
  const withScale = (name: ScaleName): VerifySpec => {
    return {
      ...common,
      scale_name: name,
      scale: fitting(scales[name], common.facts.maxPositions),
      speed: speeds[name],
    };
  };
  if (size !== 'default') return withScale(size);
  const candidates = defaultScales.map(withScale);
  return candidates.find((spec) => predictedMs(spec) <= defaultMs) ?? candidates.at(-1)!;
}

/** Positions that the model was made for. */
function fitting(scale: VerifySpec['scale'], limit: number | null): VerifySpec['scale'] {
  const room = 200;
  return { ...scale, positions: scale.positions.filter((position) => position + room <= (limit ?? Infinity)) };
}

/** A gate's case by the key of its unit. */
export interface PlannedCase {
  key: string;
  gate: Gate;
  gateCase: GateCase;
  ms: number;
}

/** Cases of the gates that say something about the model, in the order in which they run. */
export function plannedCases({ scale, facts, step_times }: VerifySpec): PlannedCase[] {
  return gates
    .filter((gate) => reportOf(gate, facts, []).status !== 'absent')
    .flatMap((gate) =>
      gate.cases(scale, facts).map((gateCase) => {
        const ms = milliseconds(gateCase.cost, step_times);
        return { key: `${gate.name}/${gateCase.key}`, gate, gateCase, ms };
      }),
    );
}

/** One unit of the speed run: all arms on one prompt. */
export function speedMs({ speed, step_times }: Pick<VerifySpec, 'speed' | 'step_times'>): number {
  const steps = speed.tokens * (1 + 0.6 * (speed.depths.length - 1));
  return milliseconds({ steps, prefill: 100 * speed.depths.length }, step_times);
}

/** How long the whole verification will take, from the steps that were measured. */
export function predictedMs(spec: VerifySpec): number {
  const cases = plannedCases(spec).reduce((sum, { ms }) => sum + ms, 0);
  return cases + spec.speed.prompts * spec.speed.runs * speedMs(spec);
}
