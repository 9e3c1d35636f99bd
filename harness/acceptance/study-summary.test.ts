import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type FakeCycle, fakeGeneration } from '../bench/testing/generations.ts';
import type { Cell } from './cells.ts';
import { acceptanceSchema } from './document.ts';
import { type StudyGeneration, type StudySummary, summariseStudy } from './study-summary.ts';

const test = suite('summary of an acceptance study');

const leviathan: Cell = { series: 'sampling', temperature: 0.6, acceptance: 'leviathan' };
const coupled: Cell = { series: 'sampling', temperature: 0.6, acceptance: 'coupled' };
const long: Cell = { series: 'context', context: 512 };
const cells = [leviathan, coupled, long];

function made(cell: Cell, prompt: number, accepted: number[], more: Partial<FakeCycle> = {}): StudyGeneration {
  const cycles = accepted.map((count): FakeCycle => ({ accepted: count, wall: 10, ...more }));
  return { cell, prompt: `p${prompt}`, generation: fakeGeneration({ depth: 3, prompt, cycles }) };
}

const summary = summariseStudy(
  [
    made(leviathan, 0, [3, 1, 1]),
    made(leviathan, 1, [0, 3]),
    made(coupled, 0, [2, 0, 1]),
    made(coupled, 1, [0, 2]),
    made(long, 0, [2, 2], { truncated: 1 }),
  ],
  { cells, base: leviathan, seed: 0 },
);

test('cells, prompts and contexts have their own generations', () => {
  for (const result of [...summary.by_sampling, ...summary.by_prompt, ...summary.by_context]) {
    const { generations, cycles, drafted, accepted, acceptance_rate, accepted_length, positions } = result;
    acceptanceSchema.parse({ generations, cycles, drafted, accepted, acceptance_rate, accepted_length, positions });
  }
  assert.equal(
    summary.by_sampling.map((r) => [r.temperature, r.acceptance, r.generations, r.cycles, r.accepted]),
    [
      [0.6, 'leviathan', 2, 5, 8],
      [0.6, 'coupled', 2, 5, 5],
    ],
  );
  assert.equal(
    summary.by_prompt.map((r) => [r.prompt, r.cycles, r.accepted_length.value]),
    [
      ['p0', 3, 1 + 5 / 3],
      ['p1', 2, 2.5],
    ],
  );
  assert.equal(
    summary.by_context.map((r) => [r.context, r.prompts, r.prompt_tokens]),
    [[512, 1, 5]],
  );
});

test('lengths, rates and intervals', () => {
  const [first] = summary.by_sampling;
  assert.is(first!.accepted_length.value, 1 + 8 / 5);
  assert.is(first!.acceptance_rate, 8 / 15);
  assert.ok(first!.accepted_length.low <= 2.5 && first!.accepted_length.high >= 1 + 5 / 3);
  assert.equal(
    first!.positions.map(({ accepted }) => accepted),
    [4, 2, 2],
  );
});

test('what the end of a text cut off was accepted all the same', () => {
  const [context] = summary.by_context;
  assert.equal([context!.accepted, context!.accepted_length.value], [4, 3]);
});

test('one text alone has an interval too: that of its cycles', () => {
  const [{ accepted_length }] = summary.by_prompt as [StudySummary['by_prompt'][number]];
  assert.ok(accepted_length.low < accepted_length.value && accepted_length.value < accepted_length.high);
});

test('the two rules are compared on the same prompts, with an interval', () => {
  const [pair, ...others] = summary.coupled_over_leviathan;
  assert.equal([others.length, pair!.temperature], [0, 0.6]);
  assert.ok(Math.abs(pair!.ratio.value - 2 / (13 / 5)) < 1e-12);
  // Prompt by prompt the ratios are 2 / (8 / 3) and 2 / 2.5: every resample lies between.
  assert.ok(pair!.ratio.low >= 0.75 - 1e-12 && pair!.ratio.high <= 0.8 + 1e-12 && pair!.ratio.low < pair!.ratio.high);
});

test('a cell without generations counts nothing', () => {
  const empty = summariseStudy([made(leviathan, 0, [1])], { cells: [leviathan, long], base: leviathan, seed: 0 })
    .by_context[0]!;
  assert.equal([empty.prompts, empty.cycles, empty.accepted_length.value, empty.positions.length], [0, 0, 0, 0]);
});

test.run();
