/**
 * Correlated quantities that drift: mean and covariance, learned one noisy observation at a time (Kalman 1960). Plain
 * loops over flat arrays: this runs between two cycles, on cold caches.
 */
export interface Gaussian {
  readonly mean: readonly number[];
  /** Row by row. */
  readonly covariance: readonly number[];
}

/** A Gaussian of one's own, to be changed in place before others see it. */
export interface Learning {
  readonly mean: number[];
  readonly covariance: number[];
}

/** Variances of a quantity over an ordered axis: one level for all, steps that add up along the axis, and each its own. */
export interface Spread {
  readonly level: number;
  readonly step: number;
  readonly own: number;
}

export function gaussian(mean: number[], spread: Spread): Gaussian {
  const size = mean.length;
  const covariance = Array.from({ length: size * size }, (_, at) => {
    return spreadAt(spread, Math.floor(at / size), at % size);
  });
  return { mean, covariance };
}

/** Variance of quantity i. */
export function varianceOf({ mean, covariance }: Gaussian, i: number): number {
  return covariance[i * (mean.length + 1)]!;
}

/** A copy after time has passed: uncertainty grows by `drift`, up to the variances of `limit`. */
export function drifted(before: Gaussian, drift: Spread, limit: Spread): Learning {
  const mean = before.mean.slice();
  const covariance = before.covariance.slice();
  const size = mean.length;
  for (let i = 0; i < size; i++) if (varianceOf(before, i) >= spreadAt(limit, i, i)) return { mean, covariance };
  for (let i = 0; i < size; i++) for (let j = 0; j < size; j++) covariance[i * size + j]! += spreadAt(drift, i, j);
  return { mean, covariance };
}

const column: number[] = [];

/** Quantity `index` was found `residual` above its mean, with this variance of the observation. */
export function observe({ mean, covariance }: Learning, index: number, residual: number, variance: number): void {
  const size = mean.length;
  for (let i = 0; i < size; i++) column[i] = covariance[index * size + i]!;
  const total = column[index]! + variance;
  for (let i = 0; i < size; i++) {
    mean[i]! += (column[i]! / total) * residual;
    for (let j = 0; j < size; j++) covariance[i * size + j]! -= (column[i]! * column[j]!) / total;
  }
}

/** Variance of quantity i less quantity j. */
export function differenceVariance(gaussian: Gaussian, i: number, j: number): number {
  const covariance = gaussian.covariance[i * gaussian.mean.length + j]!;
  return Math.max(0, varianceOf(gaussian, i) + varianceOf(gaussian, j) - 2 * covariance);
}

function spreadAt({ level, step, own }: Spread, i: number, j: number): number {
  return level + step * Math.min(i, j) + (i === j ? own : 0);
}
