/**
 * χ² tests with their power. Tail probabilities by the incomplete gamma function: M. Abramowitz, I. Stegun, "Handbook
 * of Mathematical Functions", 6.5.29 (series), 6.5.31 (continued fraction), 26.4 (χ²), 26.4.25 (noncentral).
 */

/**
 * P(χ²(df) > x) for x >= 0 and a whole df >= 1, to about 1e-13 relative, also far out in the tail.
 * @throws RangeError for NaN, for which the fraction would never end
 */
export function chiSquareSurvival(x: number, df: number): number {
  if (Number.isNaN(x)) throw new RangeError('χ² of NaN has no tail.');
  if (x === Infinity) return 0;
  const a = df / 2;
  const z = x / 2;
  if (z <= 0) return 1;
  const front = Math.exp(a * Math.log(z) - z - logGammaOfHalf(df));
  return z < a + 1 ? 1 - (front / a) * lowerSeries(a, z) : front * upperFraction(a, z);
}

/** x with P(χ²(df) > x) = tail, 0 < tail < 1. */
export function chiSquareQuantile(tail: number, df: number): number {
  let low = 0;
  let high = df;
  while (chiSquareSurvival(high, df) > tail) high *= 2;
  while (true) {
    const middle = (low + high) / 2;
    if (middle === low || middle === high) return middle;
    if (chiSquareSurvival(middle, df) > tail) low = middle;
    else high = middle;
  }
}

/**
 * P(χ²(df, lambda) > x): central tails weighted by a Poisson distribution of mean lambda / 2. Far below the mean it is 1:
 * P(X <= df + lambda - 2 √((df + 2 lambda) t)) <= exp(-t) (L. Birgé, 2001, lemma 8.1).
 */
export function noncentralChiSquareSurvival(x: number, df: number, lambda: number): number {
  const below = df + lambda - x;
  if (below > 0 && below ** 2 > 4 * 40 * (df + 2 * lambda)) return 1;
  const mean = lambda / 2;
  const reach = 40 + 12 * Math.sqrt(mean);
  let sum = 0;
  for (let j = Math.max(0, Math.floor(mean - reach)); j <= mean + reach; j++) {
    const weight = mean === 0 ? Number(j === 0) : Math.exp(j * Math.log(mean) - mean - logGammaOfHalf(2 * j + 2));
    if (weight > 0) sum += weight * chiSquareSurvival(x, df + 2 * j);
  }
  return Math.min(1, sum);
}

/** ln Γ(n / 2) for a whole n >= 1. */
function logGammaOfHalf(n: number): number {
  let sum = n % 2 === 0 ? 0 : Math.log(Math.PI) / 2;
  for (let k = n - 2; k > 0; k -= 2) sum += Math.log(k / 2);
  return sum;
}

function lowerSeries(a: number, z: number): number {
  let term = 1;
  let sum = 1;
  for (let n = 1; term > sum * Number.EPSILON; n++) {
    term *= z / (a + n);
    sum += term;
  }
  return sum;
}

/** 1 / (z + 1 - a - 1 (1 - a) / (z + 3 - a - …)), by Lentz's method. */
function upperFraction(a: number, z: number): number {
  let b = z + 1 - a;
  let c = Infinity;
  let d = 1 / b;
  let value = d;
  for (let n = 1; ; n++) {
    const numerator = n * (a - n);
    b += 2;
    d = 1 / (b + numerator * d);
    c = b + numerator / c;
    value *= c * d;
    if (Math.abs(c * d - 1) < 4 * Number.EPSILON) return value;
  }
}

/**
 * Cells of a χ² test: categories in falling order of probability, each its own cell while `draws` make at least
 * `minimum` of it, and one cell for the rest. Cell index of each category.
 */
export function mergeCells(probabilities: readonly number[], draws: number, minimum = 20): number[] {
  const order = probabilities.map((_, i) => i).toSorted((i, j) => probabilities[j]! - probabilities[i]!);
  const large = order.filter((i) => probabilities[i]! * draws >= minimum);
  const rest = order.slice(large.length).reduce((sum, i) => sum + probabilities[i]!, 0);
  const last = rest * draws >= minimum ? large.length : Math.max(0, large.length - 1);
  const cells: number[] = [];
  order.forEach((category, rank) => (cells[category] = Math.min(rank, last)));
  return cells;
}

/** Sums of `values` by cell. */
export function inCells(values: readonly number[], cells: readonly number[]): number[] {
  const sums = Array.from({ length: Math.max(...cells) + 1 }, () => 0);
  values.forEach((value, i) => (sums[cells[i]!]! += value));
  return sums;
}

/** Pearson's test of counts against probabilities. @throws RangeError with fewer than two cells */
export function chiSquareTest(
  counts: readonly number[],
  probabilities: readonly number[],
): { statistic: number; df: number; pValue: number } {
  const draws = counts.reduce((a, b) => a + b, 0);
  const statistic = distance(
    counts.map((count) => count / draws),
    probabilities,
    draws,
  );
  const df = degrees(probabilities);
  return { statistic, df, pValue: chiSquareSurvival(statistic, df) };
}

/** Probability that the test at false alarm rate `alpha` rejects when the draws come from `alternative`. */
export function chiSquarePower(
  probabilities: readonly number[],
  alternative: readonly number[],
  draws: number,
  alpha: number,
): number {
  const df = degrees(probabilities);
  const lambda = distance(alternative, probabilities, draws);
  return noncentralChiSquareSurvival(chiSquareQuantile(alpha, df), df, lambda);
}

function distance(found: readonly number[], expected: readonly number[], draws: number): number {
  return expected.reduce((sum, p, i) => sum + (draws * (found[i]! - p) ** 2) / p, 0);
}

function degrees(probabilities: readonly number[]): number {
  if (probabilities.length < 2) throw new RangeError('A χ² test needs at least two cells.');
  return probabilities.length - 1;
}
