/** Bins of |difference|: exactly 0, below 2^-30, then one a power of two, and 1 and above. */
export const differenceBins = 33;

const smallest = -30;

/**
 * How many values differ by how much: counts by bin, for a column `logit_diff_bins` ('ints'), from which reports draw
 * their histogram. Bin 0 holds differences of exactly 0, bin i those from 2^(i - 32) to below 2^(i - 31); bin 1 all that are smaller,
 * the last all that are larger, NaN among them.
 */
export function binDifferences(found: ArrayLike<number>, expected: ArrayLike<number>): number[] {
  const bins = Array.from({ length: differenceBins }, () => 0);
  for (let i = 0; i < expected.length; i++) bins[binOf(Math.abs(found[i]! - expected[i]!))]! += 1;
  return bins;
}

function binOf(difference: number): number {
  if (difference === 0) return 0;
  if (!(difference < 1)) return differenceBins - 1;
  return Math.max(1, Math.floor(Math.log2(difference)) - smallest + 2);
}
