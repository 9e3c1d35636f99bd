import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Filter } from '../engine/types.ts';
import { distribution, drawUniform, probability } from './distribution.ts';
import { candidatesOf, filtered } from './testing/fake-target.ts';
import { filter, logitRows } from './testing/scenarios.ts';
import { naiveDistribution, onKnifeEdge } from './testing/toy-model.ts';

const test = suite('distribution');

const row = logitRows(3, fc.constant(-Infinity)).map((rows) =>
  Float32Array.from(rows.flatMap((values) => [...values])),
);
const plain: Filter = { temperature: 1, topP: 1, topK: 0 };

function close(found: ReturnType<typeof distribution>, wanted: [number, number][]): void {
  // exp gives 0 below e^-708.
  const kept = wanted.filter(([, p]) => p > 1e-307);
  assert.equal(
    [...found.ids],
    kept.map(([id]) => id),
  );
  kept.forEach(([, p], i) => assert.ok(Math.abs(found.probabilities[i]! - p) <= 1e-13 + 1e-12 * p, `${i}: ${p}`));
}

test('equals the obvious formula in the order temperature, top-p, top-k, for any row and filter', () => {
  fc.assert(
    fc.property(row, filter, (logits, any) => {
      fc.pre(!onKnifeEdge(logits, any));
      close(filtered(logits, any), naiveDistribution(logits, any));
    }),
    { numRuns: 1000 },
  );
});

test('candidates as far as top-k give the same bits as all of them', () => {
  fc.assert(
    fc.property(row, filter, (logits, any) => {
      const topK = any.topK || 1;
      const cut = candidatesOf(logits, any.temperature, topK);
      assert.equal(distribution(cut, { ...any, topK }), filtered(logits, { ...any, topK }));
    }),
  );
});

test('ties go by rising id, also at a cut', () => {
  const tied = Float32Array.of(0, 1, 1, 0, 1);
  assert.equal([...filtered(tied, plain).ids], [1, 2, 4, 0, 3]);
  assert.equal([...filtered(tied, { ...plain, topK: 2 }).ids], [1, 2]);
  assert.equal([...filtered(tied, { ...plain, temperature: 0 }).ids], [1]);
});

test('top-p keeps the member that passes it, and never less than one', () => {
  const logits = Float32Array.from([0.5, 0.3, 0.2], Math.log);
  const ids = (topP: number) => [...filtered(logits, { ...plain, topP }).ids];
  assert.equal(
    [ids(1e-9), ids(0.49), ids(0.51), ids(0.79), ids(0.81), ids(1)],
    [[0], [0], [0, 1], [0, 1], [0, 1, 2], [0, 1, 2]],
  );
});

test('top-p is taken of the whole mass, before top-k', () => {
  const logits = Float32Array.from([0.4, 0.35, 0.25], Math.log);
  assert.equal([...filtered(logits, { temperature: 1, topP: 0.5, topK: 2 }).ids], [0, 1]);
});

test('extreme logits neither overflow nor divide by nothing', () => {
  const sharp = filtered(Float32Array.of(1e4, -1e4, 0), { ...plain, temperature: 0.01 });
  assert.equal([[...sharp.ids], [...sharp.probabilities]], [[0], [1]]);
  const far = filtered(Float32Array.of(-3e38, 3e38), plain);
  assert.equal([[...far.ids], [...far.probabilities]], [[1], [1]]);
  const small = filtered(Float32Array.of(0, -700), plain);
  assert.ok(Math.abs(probability(small, 1) / Math.exp(-700) - 1) < 1e-12, 'far below half precision');
  assert.is(probability(small, 2), 0);
});

test('probabilities add up to 1', () => {
  fc.assert(
    fc.property(row, filter, (logits, any) => {
      const sum = filtered(logits, any).probabilities.reduce((a, b) => a + b, 0);
      assert.ok(Math.abs(sum - 1) < 1e-14, String(sum));
    }),
  );
});

test('the inverse of the cumulative sum: borders belong to the next id, the last id takes what rounding leaves', () => {
  const half = { ids: Int32Array.of(7, 3), probabilities: Float64Array.of(0.5, 0.5) };
  assert.equal(
    [2 ** -54, 0.5 - 2 ** -53, 0.5, 1 - 2 ** -53].map((u) => drawUniform(half, u)),
    [7, 7, 3, 3],
  );
  const short = { ids: Int32Array.of(7, 3), probabilities: Float64Array.of(0.5, 0.25) };
  assert.is(drawUniform(short, 0.9), 3);
});

test.run();
