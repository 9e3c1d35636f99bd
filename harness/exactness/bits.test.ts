import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { compareBits } from './bits.ts';

const test = suite('bit comparison');
const nan = (bits: number): Float32Array => new Float32Array(Uint32Array.of(bits).buffer);

test('equal bits', () => {
  assert.equal(compareBits(Float32Array.of(1, -0), Float32Array.of(1, -0)), {
    count: 2,
    differing: 0,
    bits: 0,
    maxDiff: 0,
  });
  assert.is(compareBits(nan(0x7fc00001), nan(0x7fc00001)).differing, 0);
});

test('the last bit, the sign of zero and the payload of a NaN', () => {
  assert.equal(compareBits(Float32Array.of(1, 2), Float32Array.of(1 + 2 ** -23, 2)), {
    count: 2,
    differing: 1,
    bits: 1,
    maxDiff: 2 ** -23,
  });
  assert.equal(compareBits(Float32Array.of(0), Float32Array.of(-0)), { count: 1, differing: 1, bits: 1, maxDiff: 0 });
  assert.equal(compareBits(nan(0x7fc00001), nan(0x7fc00002)), { count: 1, differing: 1, bits: 2, maxDiff: Infinity });
});

test('both halves of float64', () => {
  for (const other of [1 + 2 ** -52, -1, 2]) {
    assert.is(compareBits(Float64Array.of(0, 1), Float64Array.of(0, other)).differing, 1);
  }
});

test('views into larger buffers, lengths and element types', () => {
  const whole = Float32Array.of(9, 1, 2, 9);
  assert.is(compareBits(whole.subarray(1, 3), Float32Array.of(1, 2)).differing, 0);
  assert.equal(compareBits(Int32Array.of(1), Int32Array.of(1, 2)), {
    count: 2,
    differing: 2,
    bits: 64,
    maxDiff: Infinity,
  });
  assert.throws(() => compareBits(Int32Array.of(1), Float32Array.of(1)), /Int32Array with Float32Array/);
});

test.run();
