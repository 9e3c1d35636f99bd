import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { binDifferences, differenceBins } from './difference-bins.ts';

const test = suite('difference bins');

const only = (difference: number): number => binDifferences([difference], [0]).indexOf(1);

test('edges', () => {
  assert.equal([0, -0].map(only), [0, 0]);
  assert.equal([2 ** -60, 2 ** -31, 2 ** -30 - 2 ** -60].map(only), [1, 1, 1]);
  assert.equal([2 ** -30, 2 ** -29, 0.5, 0.999, 1, 5, Infinity, NaN].map(only), [2, 3, 31, 31, 32, 32, 32, 32]);
});

test('every value falls into one bin, the one of its power of two', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: -2, max: 2, noNaN: true }), { maxLength: 20 }), (values) => {
      const bins = binDifferences(
        values,
        values.map(() => 0),
      );
      assert.is(bins.length, differenceBins);
      assert.is(
        bins.reduce((a, b) => a + b, 0),
        values.length,
      );
    }),
  );
  for (let i = 2; i < differenceBins - 1; i++) assert.is(only(1.5 * 2 ** (i - 32)), i);
});

test.run();
