/** What two float tensors differ by, compared as bits. */
export interface BitDifference {
  /** Numbers compared. */
  count: number;
  /** Numbers whose bits differ; a NaN equals a NaN of the same bits, and -0 differs from 0. */
  differing: number;
  /** Largest |a - b|, Infinity where a NaN meets a number; 0.0 when all bits are equal. */
  maxDiff: number;
}

export const equalBits: BitDifference = { count: 0, differing: 0, maxDiff: 0 };

/** @throws RangeError when the lengths differ. */
export function compareBits(a: Float32Array, b: Float32Array): BitDifference {
  if (a.length !== b.length) {
    throw new RangeError(`Cannot compare ${a.length} numbers with ${b.length}.`);
  }
  const left = new Uint32Array(a.buffer, a.byteOffset, a.length);
  const right = new Uint32Array(b.buffer, b.byteOffset, b.length);
  let differing = 0;
  let maxDiff = 0;
  for (let i = 0; i < a.length; i++) {
    if (left[i] !== right[i]) {
      differing++;
      const diff = Math.abs(a[i]! - b[i]!);
      maxDiff = Number.isNaN(diff) ? Infinity : Math.max(maxDiff, diff);
    }
  }
  return { count: a.length, differing, maxDiff };
}

export function addDifferences(a: BitDifference, b: BitDifference): BitDifference {
  return {
    count: a.count + b.count,
    differing: a.differing + b.differing,
    maxDiff: Math.max(a.maxDiff, b.maxDiff),
  };
}
