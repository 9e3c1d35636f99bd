/**
 * exp and log in float64 by fixed arithmetic: +, -, * and / alone, in one order, so that every machine gives the same
 * bits (Math.exp and Math.log do not). The twins of kernels/common/fixed_math64.h.
 */

const view = new DataView(new ArrayBuffer(8));
const ln2High = 6.931471803691238e-1; // 33 bits: n * ln2High is exact
const ln2Low = 1.9082149292705877e-10;
const magic = 6755399441055744; // 1.5 * 2^52 rounds to the nearest integer

/** 2^n for n in [-1022, 1023]. */
function exp2Int(n: number): number {
  view.setUint32(0, (n + 1023) << 20);
  view.setUint32(4, 0);
  return view.getFloat64(0);
}

/** e^x within 2 ulp. Below -708 the result is 0, above 709 Infinity. */
export function exp(x: number): number {
  if (x !== x) {
    return x;
  }
  if (x < -708) {
    return 0;
  }
  if (x > 709) {
    return Infinity;
  }
  const n = x * 1.4426950408889634 + magic - magic;
  const r = x - n * ln2High - n * ln2Low;
  // Taylor series to r^13 / 13!; |r| <= 0.347 leaves 4e-18.
  let p = 1 / 6227020800;
  p = p * r + 1 / 479001600;
  p = p * r + 1 / 39916800;
  p = p * r + 1 / 3628800;
  p = p * r + 1 / 362880;
  p = p * r + 1 / 40320;
  p = p * r + 1 / 5040;
  p = p * r + 1 / 720;
  p = p * r + 1 / 120;
  p = p * r + 1 / 24;
  p = p * r + 1 / 6;
  p = p * r + 0.5;
  p = p * (r * r) + r;
  p = p + 1;
  return p * exp2Int(n);
}

/** ln x within 2 ulp. -Infinity at 0, NaN below. */
export function log(x: number): number {
  if (x !== x || x < 0) {
    return NaN;
  }
  if (x === 0) {
    return -Infinity;
  }
  if (x === Infinity) {
    return x;
  }
  let k = 0;
  let scaled = x;
  if (x < 2.2250738585072014e-308) {
    scaled = x * 18014398509481984; // 2^54
    k = -54;
  }
  view.setFloat64(0, scaled);
  const high = view.getUint32(0);
  k += (high >>> 20) - 1023;
  view.setUint32(0, (high & 0xfffff) | 0x3ff00000);
  let f = view.getFloat64(0);
  if (f > 1.4142135623730951) {
    f = f * 0.5;
    k += 1;
  }
  // ln f = 2 atanh(s), s = (f - 1) / (f + 1), |s| <= 0.1716.
  const s = (f - 1) / (f + 1);
  const z = s * s;
  let p = 2 / 23;
  p = p * z + 2 / 21;
  p = p * z + 2 / 19;
  p = p * z + 2 / 17;
  p = p * z + 2 / 15;
  p = p * z + 2 / 13;
  p = p * z + 2 / 11;
  p = p * z + 2 / 9;
  p = p * z + 2 / 7;
  p = p * z + 2 / 5;
  p = p * z + 2 / 3;
  return k * ln2High + (2 * s + (s * z * p + k * ln2Low));
}
