export type Numbers = Float32Array | Float64Array | Int32Array;

/** What two arrays of numbers differ by, compared as bits. */
export interface BitDifference {
  /** Numbers compared. */
  count: number;
  /** Numbers whose bits differ; a NaN equals a NaN of the same bits, and -0 differs from 0. */
  differing: number;
  /** Largest |a - b|, Infinity where a NaN meets a number or the lengths differ; 0.0 when all bits are equal. */
  maxDiff: number;
}

export const equalBits: BitDifference = { count: 0, differing: 0, maxDiff: 0 };

/** Arrays of two lengths differ in every number. @throws TypeError when the element types differ. */
export function compareBits(a: Numbers, b: Numbers): BitDifference {
  if (a.constructor !== b.constructor) {
    throw new TypeError(`Cannot compare ${a.constructor.name} with ${b.constructor.name}.`);
  }
  if (a.length !== b.length) {
    const count = Math.max(a.length, b.length);
    return { count, differing: count, maxDiff: Infinity };
  }
  const left = words(a);
  const right = words(b);
  const size = a.BYTES_PER_ELEMENT / Uint32Array.BYTES_PER_ELEMENT;
  let differing = 0;
  let maxDiff = 0;
  for (let i = 0; i < a.length; i++) {
    if (left[size * i] !== right[size * i] || left[size * i + size - 1] !== right[size * i + size - 1]) {
      differing++;
      const diff = Math.abs(a[i]! - b[i]!);
      maxDiff = Number.isNaN(diff) ? Infinity : Math.max(maxDiff, diff);
    }
  }
  return { count: a.length, differing, maxDiff };
}

function words({ buffer, byteOffset, byteLength }: Numbers): Uint32Array {
  return new Uint32Array(buffer, byteOffset, byteLength / Uint32Array.BYTES_PER_ELEMENT);
}

export function addDifferences(a: BitDifference, b: BitDifference): BitDifference {
  return {
    count: a.count + b.count,
    differing: a.differing + b.differing,
    maxDiff: Math.max(a.maxDiff, b.maxDiff),
  };
}
