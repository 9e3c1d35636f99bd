import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Capture, DraftRow, TargetRow } from './capture.ts';
import { draftSampler, sampler } from './capture.ts';
import { drawPairs, drawPrefix } from './draws.ts';
import { exact, listed, mutationOf } from './mutations.ts';
import { targetDistribution } from './oracle.ts';
import { expectedSamples, falseAlarms, mutatedSamples, pairTests, power, testCounts, testNames } from './tests.ts';
import { pairLaw, threshold } from './law.ts';

const test = suite('laws of wrong samplers');
const draws = 4000;
const vocabSize = 24;

/** Rows of made-up logits, one a name. */
function logitsOf(seed: number): Float32Array {
  const spread = (i: number) => ((i * 7919 + seed * 104_729) % 1009) / 1009;
  return Float32Array.from({ length: vocabSize }, (_, i) => (i < 7 ? 2.2 * spread(i) : -9 - spread(i)));
}

function targetRow(seed: number): TargetRow {
  const logits = logitsOf(seed);
  const order = [...logits.keys()].toSorted((a, b) => logits[b]! - logits[a]!).slice(0, sampler.topK);
  const sum = (t: number) => Math.log(logits.reduce((total, logit) => total + Math.exp(logit / t), 0));
  return {
    ids: Int32Array.from(order),
    logits: Float32Array.from(order, (id) => logits[id]!),
    logSums: [sum(1), sum(sampler.temperature)],
    p: targetDistribution(logits, sampler),
  };
}

function draftRow(seed: number): DraftRow {
  const logits = logitsOf(seed + 1000);
  return { q: targetDistribution(logits, draftSampler), logits };
}

function place(seed: number): Capture {
  const [p, q] = [targetRow(seed), draftRow(seed)];
  const next = (ids: Int32Array, base: number) =>
    new Map([...ids].map((id) => [id, { p: targetRow(base + id), q: draftRow(base + id) }]));
  // The second row after a draft is the first one after the same token emitted.
  const emitted = next(p.p.ids, seed * 100);
  const drafted = new Map(
    [...q.q.ids].map((id) => [id, { p: targetRow(seed * 100 + id), q: draftRow(seed * 100 + 50 + id) }]),
  );
  const tokens = [q.q.ids[1]!, drafted.get(q.q.ids[1]!)!.q.q.ids[0]!];
  const second = drafted.get(tokens[0]!)!;
  return {
    length: 10,
    prompt: 1,
    first: 2,
    p,
    q,
    drafted,
    emitted,
    prefix: { tokens, q: [q, second.q], p: [p, second.p, targetRow(seed + 7)] },
  };
}

test('without a mutation the law of the pairs is p', () => {
  for (const seed of [1, 2, 3]) {
    const { pairs, errors } = pairLaw(place(seed), exact);
    assert.is(errors, 0);
    const expected = expectedSamples(place(seed))['tokens 1 and 2'].law;
    for (const [pair, mass] of expected) assert.ok(Math.abs(mass - (pairs.get(pair) ?? 0)) < 1e-9, pair);
    assert.ok(Math.abs([...pairs.values()].reduce((a, b) => a + b, 0) - 1) < 1e-9);
  }
});

test('draws of the loop have the law that was computed, for every mutation', async () => {
  const where = place(2);
  for (const name of listed) {
    const mutation = mutationOf(name);
    const mutated = mutatedSamples(where, mutation);
    const pairs = await drawPairs(where, mutation, draws, vocabSize);
    assert.ok(Math.abs(pairs.errors / draws - mutated.lost) < 0.02, `${name}: ${pairs.errors} errors`);
    const fixed = drawPrefix(where, mutation, draws);
    for (const test of testNames) {
      const { counts, errors } = pairTests.includes(test) ? pairs : fixed;
      if (errors > 0) continue;
      const law = new Map([...mutated[test].law].filter(([, mass]) => mass > 0));
      const known = new Map(
        [...counts[test]].map(([key, n]) => [test === 'tokens 1 and 2' ? outside(key, law) : key, n]),
      );
      const result = testCounts({ share: 1, law }, known);
      assert.ok(result === null || result.pValue > falseAlarms, `${name}, ${test}: p ${result?.pValue}`);
    }
  }
});

/** A first token outside p's support has no second one in the law. */
const outside = (pair: string, law: Map<string, number>): string => (law.has(pair) ? pair : `${pair.split(',')[0]},-1`);

test('outcomes that cannot be are refused, alone too', () => {
  const expected = {
    share: 1,
    law: new Map([
      ['a', 0.5],
      ['b', 0.5],
    ]),
  };
  for (const counts of [{ c: 100 }, { a: 50, b: 49, c: 1 }])
    assert.is(testCounts(expected, new Map(Object.entries(counts)))!.pValue, 0);
  assert.ok(testCounts(expected, new Map(Object.entries({ a: 50, b: 50 })))!.pValue > 0.5);
});

test('the power says whether the draws are refused', () => {
  const where = place(2);
  const expected = expectedSamples(where);
  const none = mutatedSamples(where, exact);
  for (const name of testNames) assert.ok(power(expected[name], none[name], none.lost, draws) < 1e-6, name);
  const always = mutatedSamples(where, mutationOf('always accepting'));
  assert.ok(power(expected['token 1'], always['token 1'], 0, draws) > 0.999);
});

test('thresholds of decisions that fall with the number', () => {
  for (const at of [0, 1e-9, 0.25, 1 - 2 ** -53]) assert.ok(Math.abs(threshold((u) => u < at) - at) < 1e-15);
  assert.is(
    threshold(() => true),
    1,
  );
});

test.run();
