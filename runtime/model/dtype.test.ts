import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { floatToBfloat, floatToHalf, fromFloats, halfToFloat, roundHalfEven, toFloats } from './dtype.ts';

const test = suite('element types');

test('every half survives the way through float32', () => {
  for (let bits = 0; bits < 65536; bits++) {
    const value = halfToFloat(bits);
    if (Number.isNaN(value)) continue;
    assert.is(floatToHalf(value), bits);
  }
});

test('every bfloat16 survives the way through float32', () => {
  const bytes = new Uint8Array(
    Uint16Array.from({ length: 65536 }, (_, i) => i).filter((bits) => (bits & 0x7f80) !== 0x7f80).buffer,
  );
  assert.equal(fromFloats(toFloats(bytes, 'BF16'), 'BF16'), bytes);
});

test('rounding goes to the nearest, ties to even', () => {
  // 1 + 2^-8 lies between bfloat16's 1 and 1 + 2^-7; 1 + 3 * 2^-8 between two others; halves likewise at 2^-11.
  assert.equal(
    [floatToBfloat(1 + 2 ** -8), floatToBfloat(1 + 3 * 2 ** -8), floatToBfloat(1 + 2 ** -8 + 2 ** -20)],
    [0x3f80, 0x3f82, 0x3f81],
  );
  assert.equal(
    [
      floatToHalf(1 + 2 ** -11),
      floatToHalf(1 + 3 * 2 ** -11),
      floatToHalf(65519.99),
      floatToHalf(65520),
      floatToHalf(-1e9),
    ],
    [0x3c00, 0x3c02, 0x7bff, 0x7c00, 0xfc00],
  );
  assert.equal(
    [0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 2.4, -2.6].map((x) => roundHalfEven(x) + 0),
    [0, 2, 2, 0, -2, -2, 2, -3],
  );
});

test('a rounded half is as near as any other', () => {
  fc.assert(
    fc.property(fc.float({ min: -65000, max: 65000, noNaN: true }), (value) => {
      const bits = floatToHalf(value);
      const error = Math.abs(halfToFloat(bits) - value);
      for (const other of [bits - 1, bits + 1])
        if ((other & 0x7c00) !== 0x7c00 && other >= 0) assert.ok(Math.abs(halfToFloat(other) - value) >= error);
    }),
  );
});

test.run();
