import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { randomOf, shuffled } from './randomness.ts';

const test = suite('randomness of experiments');

test('a seed gives the same numbers, another seed or stream others', () => {
  const take = (seed: number, stream = 0): number[] => Array.from({ length: 9 }, randomOf(seed, stream));
  assert.equal(take(7), take(7));
  const others = [take(8), take(7, 1), take(7 + 2 ** 32)];
  for (const other of others) assert.not.equal(other, take(7));
  assert.is(new Set(take(7)).size, 9);
});

test('numbers are in [0, 1) and fill it evenly', () => {
  const random = randomOf(1);
  const cells = Array.from({ length: 10 }, () => 0);
  for (let i = 0; i < 10_000; i++) cells[Math.floor(random() * 10)]! += 1;
  for (const count of cells) assert.ok(count > 850 && count < 1150, cells.join());
});

test('a shuffle keeps the items, leaves its input alone, and reaches every order', () => {
  fc.assert(
    fc.property(fc.array(fc.integer()), fc.nat(), (items, seed) => {
      const before = [...items];
      const after = shuffled(items, randomOf(seed));
      assert.equal(items, before);
      assert.equal(
        after.toSorted((a, b) => a - b),
        items.toSorted((a, b) => a - b),
      );
    }),
  );
  const orders = new Map<string, number>();
  for (let seed = 0; seed < 6000; seed++) {
    const order = shuffled(['a', 'b', 'c'], randomOf(seed)).join('');
    orders.set(order, (orders.get(order) ?? 0) + 1);
  }
  assert.is(orders.size, 6);
  for (const count of orders.values()) assert.ok(count > 850 && count < 1150, [...orders].join(' '));
});

test.run();
