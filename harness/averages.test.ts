import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { mean, median, ratio, sum } from './averages.ts';

const test = suite('averages');

test('sum and mean', () => {
  assert.is(sum([1, 2, 3.5]), 6.5);
  assert.is(mean([1, 2, 6]), 3);
  assert.is(mean([]), 0);
});

test('the median needs no order and splits an even number of values', () => {
  assert.is(median([9, 1, 5]), 5);
  assert.is(median([10, 9, 1, 2]), 5.5);
  assert.is(median([7]), 7);
  assert.is(median([]), 0);
});

test('median leaves its input alone', () => {
  const values = [3, 1, 2];
  median(values);
  assert.equal(values, [3, 1, 2]);
});

test('a ratio over nothing is 0', () => {
  assert.is(ratio(1, 4), 0.25);
  assert.is(ratio(1, 0), 0);
});

test.run();
