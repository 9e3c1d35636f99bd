import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { wilson } from '../intervals.ts';
import { lengthOf, positionSchema, positionsOf } from './positions.ts';

const test = suite('acceptance by position');

test('both definitions, by hand', () => {
  const accepted = [3, 1, 0, 1];
  const positions = positionsOf(accepted.map((count) => ({ drafted: 3, accepted: count })));
  assert.equal(
    positions.map((p) => [p.position, p.drafted, p.accepted, p.per_step.value, p.conditional.value]),
    [
      [1, 4, 3, 3 / 4, 3 / 4],
      [2, 4, 1, 1 / 4, 1 / 3],
      [3, 4, 1, 1 / 4, 1],
    ],
  );
  assert.equal(positions[1]!.conditional, wilson(1, 3));
  assert.equal(positions[1]!.per_step, wilson(1, 4));
});

test('a cycle that drafted less says nothing about deeper positions', () => {
  const positions = positionsOf([
    { drafted: 3, accepted: 2 },
    { drafted: 1, accepted: 1 },
  ]);
  assert.equal(
    positions.map(({ drafted, per_step, conditional }) => [drafted, per_step.value, conditional.value]),
    [
      [2, 1, 1],
      [1, 1, 1],
      [1, 0, 0],
    ],
  );
});

test('nothing drafted has no positions', () => {
  assert.equal(positionsOf([]), []);
  assert.equal(positionsOf([{ drafted: 0, accepted: 0 }]), []);
  assert.is(lengthOf([]), 0);
  assert.is(lengthOf([{ drafted: 0, accepted: 0 }]), 1);
});

test('for any cycles: shares fall with depth, their product is the share of a step, their sum the length', () => {
  const cycle = fc.nat(5).chain((accepted) => fc.record({ drafted: fc.constant(5), accepted: fc.constant(accepted) }));
  fc.assert(
    fc.property(fc.array(cycle, { minLength: 1, maxLength: 40 }), (cycles) => {
      const positions = positionsOf(cycles);
      let product = 1;
      for (const [i, position] of positions.entries()) {
        positionSchema.parse(position);
        assert.ok(position.accepted <= (positions[i - 1]?.accepted ?? cycles.length));
        product *= position.conditional.value;
        assert.ok(Math.abs(product - position.per_step.value) < 1e-12);
      }
      const sum = positions.reduce((total, { per_step }) => total + per_step.value, 1);
      assert.ok(Math.abs(lengthOf(cycles) - sum) < 1e-12);
    }),
  );
});

test.run();
