import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { supportedBits, supportedGroups } from './quantization.ts';
import { dequantizeRows, quantizeRows } from './quantize.ts';

const test = suite('quantizer');

const floats = (length: number) =>
  fc.array(fc.float({ min: -8, max: 8, noNaN: true }), { minLength: length, maxLength: length });
const cases = fc.record({
  bits: fc.constantFrom(...supportedBits),
  groupSize: fc.constantFrom(...supportedGroups),
  rows: fc.integer({ min: 1, max: 3 }),
  groups: fc.integer({ min: 1, max: 3 }),
});

test('no value is further off than the grid allows', () => {
  fc.assert(
    fc.property(
      cases.chain((c) =>
        floats(c.groupSize * c.groups * c.rows).map((values) => ({ ...c, values: Float32Array.from(values) })),
      ),
      ({ bits, groupSize, groups, values }) => {
        const quantized = quantizeRows(values, groupSize * groups, bits, groupSize);
        const back = dequantizeRows(quantized, bits, groupSize);
        for (let begin = 0; begin < values.length; begin += groupSize) {
          const group = values.subarray(begin, begin + groupSize);
          const [low, high] = [Math.min(...group), Math.max(...group)];
          const step = (high - low) / (2 ** bits - 1);
          // Half a step of rounding, and up to one and a half more where moving the edge onto the grid stretched or
          // shrank it; a group far from 0 on one side is clipped by up to half a step at its far end.
          const bound = 2 * Math.max(step, 1e-7) + 1e-5;
          for (let i = 0; i < groupSize; i++)
            assert.ok(
              Math.abs(back[begin + i]! - group[i]!) <= bound,
              `${back[begin + i]} for ${group[i]} in [${low}, ${high}] at ${bits} bits`,
            );
          const edge = Math.abs(low) > Math.abs(high) ? low : high;
          const at = begin + group.indexOf(edge);
          if (quantized.biases[begin / groupSize] !== 0)
            assert.ok(Math.abs(back[at]! - edge) <= 1e-6 * Math.abs(edge), 'the value of largest magnitude is kept');
        }
      },
    ),
  );
});

test('what lies on the grid comes back exactly', () => {
  fc.assert(
    fc.property(
      cases.chain((c) =>
        fc.record({
          ...asConstants(c),
          q: fc.array(fc.integer({ min: 0, max: 2 ** c.bits - 1 }), { minLength: c.groupSize, maxLength: c.groupSize }),
        }),
      ),
      ({ bits, groupSize, q }) => {
        // Scale 1/8, bias -2^(bits - 1) / 8 and both ends present: MLX's own choice of edge is the low end.
        const values = Float32Array.from(q, (n) => (n - 2 ** (bits - 1)) / 8);
        values[0] = -(2 ** (bits - 1)) / 8;
        values[1] = (2 ** (bits - 1) - 1) / 8;
        assert.equal(dequantizeRows(quantizeRows(values, groupSize, bits, groupSize), bits, groupSize), values);
      },
    ),
  );
});

test('the formula, by hand: 32 values from -1 to 2.1 at 4 bits', () => {
  const values = Float32Array.from({ length: 32 }, (_, i) => -1 + i / 10);
  const { packed, scales, biases } = quantizeRows(values, 32, 4, 32);
  // |2.1| > |-1|: the edge is 2.1, the scale negative; 3.1 / 15 fits 10.16 times, so 2.1 / -10 and bias 2.1.
  assert.ok(Math.abs(scales[0]! + 0.21) < 1e-6);
  assert.is(biases[0], values[31]);
  assert.is(packed[15]! >> 4, 0);
  assert.is(packed[0]! & 15, 15);
  assert.is((packed[0]! >> 4) & 15, Math.round((values[1]! - 2.1) / -0.21));
});

test('bits are one little-endian stream', () => {
  // 0, 1, …, 7 at 3 bits on the grid of scale 1: 24 bits, value j at bits 3j.
  const values = Float32Array.from({ length: 32 }, (_, i) => (i % 8) - 8 + 1);
  const { packed, scales, biases } = quantizeRows(values, 32, 3, 32);
  assert.equal([scales[0], biases[0]], [1, -7]);
  assert.equal([...packed.subarray(0, 3)], [0b10_001_000, 0b1_100_011_0, 0b111_110_10]);
});

test('a group of one value', () => {
  for (const value of [0, 3.5, -3.5]) {
    const values = new Float32Array(64).fill(value);
    const back = dequantizeRows(quantizeRows(values, 64, 4, 64), 4, 64);
    for (const number of back) assert.ok(Math.abs(number - value) <= 1e-6 * Math.abs(value));
  }
});

function asConstants<T extends Record<string, unknown>>(value: T): { [K in keyof T]: fc.Arbitrary<T[K]> } {
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, fc.constant(entry)])) as {
    [K in keyof T]: fc.Arbitrary<T[K]>;
  };
}

test.run();
