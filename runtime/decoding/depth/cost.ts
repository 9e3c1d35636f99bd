import { drifted, type Gaussian, gaussian, observe, type Spread, varianceOf } from './gaussian.ts';

/** What a cycle costs by depth: ln of nanoseconds for depth 0 … deepest, and the variance of a single cycle. */
export interface CycleCost {
  readonly log: Gaussian;
  readonly noise: number;
}

// Squares of relative errors: a machine is up to e times faster or slower than another day; a further draft may cost
// 15 % more or less than assumed, 4 % where it was measured before.
const untuned: Spread = { level: 4, step: 0.15 ** 2, own: 0.05 ** 2 };
const tuned: Spread = { level: 1, step: 0.02 ** 2, own: 0.03 ** 2 };
/** A cycle later, relative: the machine changes by 1 %, a draft's share by 0.1 %, and one depth alone by 0.3 %. */
const drift: Spread = { level: 1e-4, step: 1e-6, own: 1e-5 };
const limit: Spread = { level: 9, step: 0.3 ** 2, own: 0.3 ** 2 };

/** Of a plain step; between 18 % and 30 % on the machines that were measured, drafting included. */
const costOfDraft = 0.25;
const usualStepMs = 10;

const firstNoise = 0.1 ** 2;
const [leastNoise, mostNoise] = [0.01 ** 2, 0.5 ** 2];
const noiseGain = 0.03;
/** Disturbances only lengthen a cycle: so many deviations off, up or down, are the most that one counts for. */
const [mostAbove, mostBelow] = [2, 6];

/** Before anything is seen: `cycleMs` by depth as measured earlier, or a guess. */
export function initialCost(deepest: number, cycleMs: readonly number[] | null): CycleCost {
  const ms = cycleMs ?? Array.from({ length: deepest + 1 }, (_, depth) => usualStepMs * (1 + costOfDraft * depth));
  const mean = ms.slice(0, deepest + 1).map((value) => Math.log(value * 1e6));
  return { log: gaussian(mean, cycleMs === null ? untuned : tuned), noise: firstNoise };
}

/** A cycle passed whose time says nothing: it did work that others do not. */
export function unseenCycle({ log, noise }: CycleCost): CycleCost {
  return { log: drifted(log, drift, limit), noise };
}

/** A cycle of `depth` took `ns`. */
export function seenCycle(cost: CycleCost, depth: number, ns: number): CycleCost {
  const log = drifted(cost.log, drift, limit);
  const { noise } = cost;
  const deviation = Math.sqrt(varianceOf(log, depth) + noise);
  const expected = log.mean[depth]!;
  const residual = Math.max(-mostBelow * deviation, Math.min(mostAbove * deviation, Math.log(ns) - expected));
  observe(log, depth, residual, noise);
  const left = (residual - (log.mean[depth]! - expected)) * residual;
  return { log, noise: Math.min(mostNoise, Math.max(leastNoise, noise + noiseGain * (left - noise))) };
}
