import { philox4x32 } from '../../../runtime/decoding/random.ts';

const longest = 3;

/** Shares of a text's n-grams, n = 1 … 3; each n weighs the same. */
function features(text: readonly number[]): Map<string, number> {
  const shares = new Map<string, number>();
  for (let n = 1; n <= longest; n++) {
    const count = text.length - n + 1;
    for (let i = 0; i < count; i++) {
      const name = text.slice(i, i + n).join();
      shares.set(name, (shares.get(name) ?? 0) + 1 / count);
    }
  }
  return shares;
}

function dot(a: Map<string, number>, b: Map<string, number>): number {
  let sum = 0;
  for (const [name, share] of a) sum += share * (b.get(name) ?? 0);
  return sum;
}

/**
 * Maximum mean discrepancy of two samples of texts under the n-gram kernel, unbiased, and its p-value by permutation:
 * the share of `permutations` random splits (and the one found) whose discrepancy is at least as large. Seeded.
 * A. Gretton et al., "A kernel two-sample test", JMLR 13, 2012, lemma 6.
 */
export function mmdTest(
  left: readonly (readonly number[])[],
  right: readonly (readonly number[])[],
  permutations: number,
): { mmd2: number; pValue: number } {
  const texts = [...left, ...right].map(features);
  const kernel = texts.map((a) => Float64Array.from(texts, (b) => dot(a, b)));
  const order = texts.map((_, i) => i);
  const found = discrepancy(kernel, order, left.length);
  let larger = 1;
  for (let p = 0; p < permutations; p++) {
    shuffle(order, p);
    // Splits that are the same but for rounding count as equal.
    if (discrepancy(kernel, order, left.length) >= found - 1e-12) larger++;
  }
  return { mmd2: found, pValue: larger / (permutations + 1) };
}

function discrepancy(kernel: readonly Float64Array[], order: readonly number[], m: number): number {
  const n = order.length - m;
  let [within, beside, across] = [0, 0, 0];
  for (let i = 0; i < order.length; i++) {
    const row = kernel[order[i]!]!;
    for (let j = 0; j < i; j++) {
      const k = row[order[j]!]!;
      if (i < m) within += k;
      else if (j >= m) beside += k;
      else across += k;
    }
  }
  return (2 * within) / (m * (m - 1)) + (2 * beside) / (n * (n - 1)) - (2 * across) / (m * n);
}

/** Fisher and Yates, with numbers of (permutation, place). */
function shuffle(order: number[], permutation: number): void {
  for (let i = order.length - 1; i > 0; i--) {
    const [word] = philox4x32(Uint32Array.of(permutation, i, 0, 0), Uint32Array.of(0, 0));
    const j = Math.floor((word! / 2 ** 32) * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
}
