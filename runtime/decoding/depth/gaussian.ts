/** Correlated quantities that drift: mean and covariance, learned one noisy observation at a time (Kalman 1960). */
export interface Gaussian {
  readonly mean: readonly number[];
  readonly covariance: readonly (readonly number[])[];
}

/** Variances of a quantity over an ordered axis: one level for all, steps that add up along the axis, and each its own. */
export interface Spread {
  level: number;
  step: number;
  own: number;
}

export function gaussian(mean: readonly number[], spread: Spread): Gaussian {
  return { mean, covariance: square(mean.length, (i, j) => spreadAt(spread, i, j)) };
}

/** Time passes: uncertainty grows by `drift`, up to the variances of `limit`. */
export function drifted({ mean, covariance }: Gaussian, drift: Spread, limit: Spread): Gaussian {
  const bounded = mean.some((_, i) => covariance[i]![i]! >= spreadAt(limit, i, i));
  if (bounded) return { mean, covariance };
  return { mean, covariance: covariance.map((row, i) => row.map((value, j) => value + spreadAt(drift, i, j))) };
}

/** Quantity `index` was found `residual` above its mean, with this variance of the observation. */
export function observed({ mean, covariance }: Gaussian, index: number, residual: number, variance: number): Gaussian {
  const column = covariance[index]!;
  const total = column[index]! + variance;
  return {
    mean: mean.map((value, i) => value + (column[i]! / total) * residual),
    covariance: covariance.map((row, i) => row.map((value, j) => value - (column[i]! * column[j]!) / total)),
  };
}

/** Variance of quantity i less quantity j. */
export function differenceVariance({ covariance }: Gaussian, i: number, j: number): number {
  return Math.max(0, covariance[i]![i]! + covariance[j]![j]! - 2 * covariance[i]![j]!);
}

function spreadAt({ level, step, own }: Spread, i: number, j: number): number {
  return level + step * Math.min(i, j) + (i === j ? own : 0);
}

function square(size: number, at: (i: number, j: number) => number): number[][] {
  return Array.from({ length: size }, (_, i) => Array.from({ length: size }, (_v, j) => at(i, j)));
}
