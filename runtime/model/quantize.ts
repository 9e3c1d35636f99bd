import { roundHalfEven } from './dtype.ts';

/** One matrix in MLX's affine form; scales and biases still in float32. */
export interface QuantizedRows {
  /** [rows, columns * bits / 32] little-endian bit stream: value j of a row occupies bits j * bits … of the row. */
  packed: Uint8Array;
  /** [rows, columns / groupSize] */
  scales: Float32Array;
  biases: Float32Array;
}

/** MLX's smallest scale. */
const epsilon = 1e-7;
const f32 = Math.fround;

/**
 * Affine quantisation as MLX's CPU backend does it: per group of `groupSize` columns, w ≈ scale * q + bias, with the
 * value of largest magnitude (or 0) represented exactly; float32 arithmetic, ties to even, true minimum and maximum
 * (mlx/backend/cpu/quantized.cpp, `quantize`). `columns` is a multiple of groupSize and of 32.
 */
export function quantizeRows(values: Float32Array, columns: number, bits: number, groupSize: number): QuantizedRows {
  const groups = values.length / groupSize;
  const top = 2 ** bits - 1;
  const scales = new Float32Array(groups);
  const biases = new Float32Array(groups);
  const packed = new Uint8Array((values.length * bits) / 8);
  let held = 0;
  let heldBits = 0;
  let at = 0;
  for (let g = 0; g < groups; g++) {
    const begin = g * groupSize;
    const [scale, bias] = groupParameters(values, begin, begin + groupSize, top);
    scales[g] = scale;
    biases[g] = bias;
    for (let i = begin; i < begin + groupSize; i++) {
      const q = roundHalfEven(f32(f32(values[i]! - bias) / scale));
      held |= Math.min(Math.max(q, 0), top) << heldBits;
      heldBits += bits;
      while (heldBits >= 8) {
        packed[at++] = held & 255;
        held >>>= 8;
        heldBits -= 8;
      }
    }
  }
  return { packed, scales, biases };
}

function groupParameters(values: Float32Array, begin: number, end: number, top: number): [scale: number, bias: number] {
  let low = Infinity;
  let high = -Infinity;
  for (let i = begin; i < end; i++) {
    const value = values[i]!;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const fromLow = Math.abs(low) > Math.abs(high);
  const step = Math.max(f32(f32(high - low) / top), f32(epsilon));
  const scale = fromLow ? step : -step;
  const edge = fromLow ? low : high;
  const q0 = roundHalfEven(f32(edge / scale));
  return q0 === 0 ? [scale, 0] : [f32(edge / q0), edge];
}

/** The values that a matrix in affine form stands for: scale * q + bias in float32, one rounding an operation. */
export function dequantizeRows(
  { packed, scales, biases }: QuantizedRows,
  bits: number,
  groupSize: number,
): Float32Array {
  const out = new Float32Array((packed.length * 8) / bits);
  const mask = 2 ** bits - 1;
  for (let i = 0; i < out.length; i++) {
    const bit = i * bits;
    const byte = Math.floor(bit / 8);
    const q = ((packed[byte]! | ((packed[byte + 1] ?? 0) << 8)) >> (bit % 8)) & mask;
    const g = Math.floor(i / groupSize);
    out[i] = f32(f32(scales[g]! * q) + biases[g]!);
  }
  return out;
}
