export type Numbers = Float32Array | Float64Array | Int32Array;

/** What two arrays of numbers differ by, compared as bits. */
export interface BitDifference {
  /** Numbers compared. */
  count: number;
  /** Numbers whose bits differ; a NaN equals a NaN of the same bits, and -0 differs from 0. */
  differing: number;
  /** Bits that differ, over all numbers. */
  bits: number;
  /** Largest |a - b|, Infinity where a NaN meets a number or the lengths differ; 0.0 when all bits are equal. */
  maxDiff: number;
}

export const equalBits: BitDifference = { count: 0, differing: 0, bits: 0, maxDiff: 0 };

/** Arrays of two lengths differ in every bit. @throws TypeError when the element types differ. */
export function compareBits(a: Numbers, b: Numbers): BitDifference {
  if (a.constructor !== b.constructor) {
    throw new TypeError(`Cannot compare ${a.constructor.name} with ${b.constructor.name}.`);
  }
  if (a.length !== b.length) {
    const count = Math.max(a.length, b.length);
    return { count, differing: count, bits: 8 * count * a.BYTES_PER_ELEMENT, maxDiff: Infinity };
  }
  const left = words(a);
  const right = words(b);
  const size = a.BYTES_PER_ELEMENT / Uint32Array.BYTES_PER_ELEMENT;
  const sum = { ...equalBits, count: a.length };
  for (let i = 0; i < a.length; i++) {
    let bits = 0;
    for (let w = size * i; w < size * (i + 1); w++) {
      if (left[w] !== right[w]) bits += ones(left[w]! ^ right[w]!);
    }
    if (bits === 0) continue;
    const diff = Math.abs(a[i]! - b[i]!);
    sum.differing++;
    sum.bits += bits;
    sum.maxDiff = Number.isNaN(diff) ? Infinity : Math.max(sum.maxDiff, diff);
  }
  return sum;
}

function words({ buffer, byteOffset, byteLength }: Numbers): Uint32Array {
  return new Uint32Array(buffer, byteOffset, byteLength / Uint32Array.BYTES_PER_ELEMENT);
}

function ones(word: number): number {
  let count = 0;
  for (let rest = word; rest !== 0; rest &= rest - 1) count++;
  return count;
}

export function addDifferences(a: BitDifference, b: BitDifference): BitDifference {
  return {
    count: a.count + b.count,
    differing: a.differing + b.differing,
    bits: a.bits + b.bits,
    maxDiff: Math.max(a.maxDiff, b.maxDiff),
  };
}
