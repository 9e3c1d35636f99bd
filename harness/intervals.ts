import { mean, ratio, sum } from './averages.ts';
import { below, randomOf } from './randomness.ts';
import { chiSquareQuantile } from './statistics.ts';

/** Both ends of a confidence interval, 95 % where nothing else is said. */
export interface Interval {
  low: number;
  high: number;
}

/** A number with its interval. */
export interface Estimate extends Interval {
  value: number;
}

const defaultLevel = 0.95;
const defaultResamples = 2000;

/**
 * The score interval of a share: E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
 * JASA 22 (1927). It stays inside [0, 1]; without trials it is all of it, and the value 0.
 */
export function wilson(successes: number, trials: number, level = defaultLevel): Estimate {
  if (trials === 0) return { value: 0, low: 0, high: 1 };
  const z2 = chiSquareQuantile(1 - level, 1);
  const p = successes / trials;
  const centre = (p + z2 / (2 * trials)) / (1 + z2 / trials);
  const half = (Math.sqrt(z2) / (1 + z2 / trials)) * Math.sqrt((p * (1 - p)) / trials + z2 / (4 * trials ** 2));
  // At the ends the exact bound is p itself; rounding must not put it on the wrong side.
  return { value: p, low: Math.min(p, Math.max(0, centre - half)), high: Math.max(p, Math.min(1, centre + half)) };
}

export interface BootstrapOptions {
  seed: number;
  resamples?: number;
  level?: number;
}

/**
 * Percentile bootstrap over two stages: clusters (prompts) are drawn with replacement, and in each of them its
 * members (repeats). B. Efron, R. Tibshirani, "An Introduction to the Bootstrap" (1993), chapters 8 and 13. Members are
 * drawn whole, so what was measured together stays together.
 * @throws RangeError without clusters, or for a cluster without members
 */
export function bootstrap<T>(
  clusters: readonly (readonly T[])[],
  statistic: (clusters: readonly (readonly T[])[]) => number,
  { seed, resamples = defaultResamples, level = defaultLevel }: BootstrapOptions,
): Estimate {
  if (clusters.length === 0 || clusters.some((members) => members.length === 0))
    throw new RangeError('A bootstrap needs clusters with members.');
  const random = randomOf(seed);
  const redrawn = <U>(items: readonly U[]): U[] => items.map(() => items[below(items.length, random)]!);
  const values = Array.from({ length: resamples }, () => statistic(redrawn(clusters).map(redrawn)));
  values.sort((a, b) => a - b);
  const at = (share: number): number => values[Math.min(resamples - 1, Math.floor(share * resamples))]!;
  return { value: statistic(clusters), low: at((1 - level) / 2), high: at((1 + level) / 2) };
}

/** Tokens, and the milliseconds that they took. */
export interface Rate {
  tokens: number;
  ms: number;
}

/** Two arms on the same work, measured side by side. */
export interface RatePair {
  arm: Rate;
  base: Rate;
}

/** Mean of the clusters' ratios, each of the sums over its members: every prompt weighs the same. */
export function meanRateRatio(clusters: readonly (readonly RatePair[])[]): number {
  return mean(clusters.map((pairs) => rateRatio(pairs)));
}

/** Ratio of the sums over everything: every millisecond weighs the same. */
export function totalRateRatio(clusters: readonly (readonly RatePair[])[]): number {
  return rateRatio(clusters.flat());
}

function rateRatio(pairs: readonly RatePair[]): number {
  const rate = (rates: readonly Rate[]): number => ratio(sum(rates.map((r) => r.tokens)), sum(rates.map((r) => r.ms)));
  return ratio(rate(pairs.map(({ arm }) => arm)), rate(pairs.map(({ base }) => base)));
}
