/**
 * Counter-based random numbers: every number is a function of what it is for, so that no draw depends on how many
 * were made before. Philox 4x32-10: J. Salmon, M. Moraes, R. Dror, D. Shaw, "Parallel random numbers: as easy as
 * 1, 2, 3", SC 2011. The twin of kernels/common/philox.h.
 */

/** What a number is for; part of its counter. */
export const purposes = { draft: 1, accept: 2, residual: 3, target: 4, gumbel: 5 } as const;
export type Purpose = (typeof purposes)[keyof typeof purposes];

/** Philox key: a request's seed (64 bits) and the index of the choice among its `n` completions. */
export interface RandomKey {
  seed: bigint;
  choice: number;
}

/**
 * One number in (0, 1) for each decision. `word` tells apart numbers of one position and purpose: the token id of
 * Gumbel noise, the index in its cycle of a draft.
 */
export type Uniforms = (position: number, purpose: Purpose, word?: number) => number;

const rounds = 10;

/** Four 32-bit words from a counter of four and a key of two. `out` is overwritten and returned. */
export function philox4x32(counter: Uint32Array, key: Uint32Array, out: Uint32Array = new Uint32Array(4)): Uint32Array {
  let [c0, c1, c2, c3] = [counter[0]!, counter[1]!, counter[2]!, counter[3]!];
  let [k0, k1] = [key[0]!, key[1]!];
  for (let round = 0; round < rounds; round++) {
    const high0 = multiplyHigh(0xd2511f53, c0);
    const low0 = Math.imul(0xd2511f53, c0) >>> 0;
    const high1 = multiplyHigh(0xcd9e8d57, c2);
    const low1 = Math.imul(0xcd9e8d57, c2) >>> 0;
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0;
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
  return out;
}

/** Upper 32 bits of the product of two unsigned 32-bit numbers. */
function multiplyHigh(a: number, b: number): number {
  const aHigh = a >>> 16;
  const aLow = a & 0xffff;
  const bHigh = b >>> 16;
  const bLow = b & 0xffff;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = aLow * bHigh + (middle & 0xffff);
  return aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(carry / 0x10000);
}

const counterWords = new Uint32Array(4);
const keyWords = new Uint32Array(2);
const resultWords = new Uint32Array(4);

/**
 * The number in (0, 1) for (key, position, purpose, token): 53 bits, never 0 (0 becomes 2^-54) and never 1.
 * Key words: seed's low half, choice; counter words: position, purpose, token, seed's high half.
 */
export function uniform(key: RandomKey, position: number, purpose: Purpose, token = 0): number {
  return uniformsOf(key)(position, purpose, token);
}

/** The numbers of one request. */
export function uniformsOf({ seed, choice }: RandomKey): Uniforms {
  const low = Number(seed & 0xffffffffn);
  const high = Number((seed >> 32n) & 0xffffffffn);
  return (position, purpose, word = 0) => {
    keyWords[0] = low;
    keyWords[1] = choice;
    counterWords[0] = position;
    counterWords[1] = purpose;
    counterWords[2] = word;
    counterWords[3] = high;
    philox4x32(counterWords, keyWords, resultWords);
    const bits = (resultWords[0]! >>> 5) * 67108864 + (resultWords[1]! >>> 6);
    return bits === 0 ? 2 ** -54 : bits * 2 ** -53;
  };
}
