import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decode, decodeWith } from '../cycle.ts';
import { type Distribution, drawGumbel } from '../distribution.ts';
import type { DecodingOptions } from '../options.ts';
import { type Uniforms, uniformsOf } from '../random.ts';
import { FakeTarget } from '../testing/fake-target.ts';
import { decodingOptions } from '../testing/decoding-options.ts';
import { filter, toyModel } from '../testing/scenarios.ts';
import { naiveDistribution, rowOf, type ToyModel } from '../testing/toy-model.ts';
import { coupled } from './coupled.ts';
import { leviathan } from './leviathan.ts';
import type { AcceptanceRule } from './rule.ts';

const test = suite('coupled');

const seed = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const model = fc.integer({ min: 2, max: 6 }).chain(toyModel);

async function textOf(toy: ToyModel, options: DecodingOptions, rule?: AcceptanceRule): Promise<number[]> {
  const target = new FakeTarget(toy);
  const prompt = Int32Array.of(0, 1, 1, 0);
  const steps = rule
    ? decodeWith(target, prompt, 0, options, { rule, uniforms: uniformsOf(options.key) })
    : decode(target, prompt, 0, options);
  const text: number[] = [];
  for await (const { tokens } of steps) text.push(...tokens);
  return text;
}

/** Whether the text with drafts is the text without, in one random setting. */
const setting = model.chain((toy) =>
  fc.record({
    toy: fc.constant(toy),
    plain: fc.record({ sampler: filter, draftSampler: filter, seed, maxTokens: fc.integer({ min: 1, max: 24 }) }),
    depth: fc.integer({ min: 1, max: 8 }),
    prefillChunk: fc.integer({ min: 1, max: 5 }),
    otherDraft: toyModel(toy.vocabSize),
  }),
);

async function sameText(
  { toy, plain, depth, prefillChunk, otherDraft }: typeof setting extends fc.Arbitrary<infer T> ? T : never,
  rule?: AcceptanceRule,
): Promise<boolean> {
  const { seed: key, ...rest } = plain;
  const options = decodingOptions({
    ...rest,
    acceptance: 'coupled',
    key: { seed: key, choice: 0 },
    vocabSize: toy.vocabSize,
    depth: 0,
  });
  const drafting = { ...options, depth, prefillChunk };
  const [without, ...others] = await Promise.all([
    textOf(toy, options, rule),
    textOf(toy, drafting, rule),
    textOf({ ...toy, draft: otherDraft.draft }, { ...drafting, draftSampler: plain.sampler }, rule),
    textOf({ ...toy, draft: toy.target }, drafting, rule),
  ]);
  return others.every((other) => other.join() === without!.join());
}

test('the text does not depend on drafts, their filters, the depth or the prefill chunk', async () => {
  await fc.assert(
    fc.asyncProperty(setting, async (any) => assert.ok(await sameText(any))),
    { numRuns: 200 },
  );
});

const wrongRules: Record<string, AcceptanceRule> = {
  'drafts accepted by p / q': (drafts, rows, position, uniforms) => ({
    ...leviathan(drafts, rows, position, uniforms),
  }),
  'noise keyed by the row in its cycle': (drafts, rows, _position, uniforms) => coupled(drafts, rows, 0, uniforms),
  'noise one position late after the first row': (drafts, rows, position, uniforms) =>
    coupled(drafts, rows, position, (at, ...more) => uniforms(at === position ? at : at + 1, ...more)),
  'a draft in the support is accepted': (drafts, rows, position, uniforms) => {
    const verdict = coupled(drafts, rows, position, uniforms);
    const draft = drafts[verdict.accepted];
    return draft && rows[verdict.accepted]!.ids.includes(draft.token) ? { ...verdict, token: draft.token } : verdict;
  },
  'the correction comes from the row after': (drafts, rows, position, uniforms) => {
    const verdict = coupled(drafts, rows, position, uniforms);
    const row = Math.min(verdict.accepted + 1, drafts.length);
    return { ...verdict, token: drawGumbel(rows[row]!, position + row, uniforms) };
  },
};

for (const [name, rule] of Object.entries(wrongRules)) {
  test(`reported: ${name}`, async () => {
    const settings = fc.sample(setting, { numRuns: 60, seed: 1 });
    const topK = (any: (typeof settings)[number]) => ({ ...any.plain.sampler, topK: any.plain.sampler.topK || 3 });
    for (const any of settings) {
      if (!(await sameText({ ...any, plain: { ...any.plain, sampler: topK(any) } }, rule))) return;
    }
    assert.unreachable('no setting shows it');
  });
}

test('at temperature 0 both rules give the argmax of every row, at any depth and draft temperature', async () => {
  await fc.assert(
    fc.asyncProperty(
      model,
      filter,
      fc.nat(8),
      fc.constantFrom('coupled', 'leviathan'),
      async (toy, draft, depth, acceptance) => {
        const greedy = { temperature: 0, topP: 1, topK: 0 };
        const options = decodingOptions({
          sampler: greedy,
          draftSampler: draft,
          acceptance: acceptance as 'coupled',
          depth,
          maxTokens: 12,
          vocabSize: toy.vocabSize,
        });
        const context = [0, 1, 1, 0];
        for (let i = 0; i < 12; i++) context.push(naiveDistribution(toy.target[rowOf(context, toy)]!, greedy)[0]![0]);
        assert.equal(await textOf(toy, options), context.slice(4));
        const same = { ...toy, draft: toy.target };
        const target = new FakeTarget(same);
        for await (const { cycle } of decode(target, Int32Array.of(0), 0, options)) {
          assert.is(cycle?.accepted, cycle?.drafted, 'the drafts are argmax too');
        }
      },
    ),
  );
});

/** P(χ² of 4 degrees of freedom > x), in closed form. */
const tail4 = (x: number) => Math.exp(-x / 2) * (1 + x / 2);
const draws = 20_000;
const five: Distribution = {
  ids: Int32Array.of(4, 9, 2, 30, 11),
  probabilities: Float64Array.of(0.4, 0.25, 0.2, 0.1, 0.05),
};
const falseAlarm = 1e-6;

function chiSquareTail(draw: (position: number) => number): number {
  const counts = new Map<number, number>();
  for (let position = 0; position < draws; position++) {
    const id = draw(position);
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  let x = 0;
  five.ids.forEach(
    (id, i) => (x += ((counts.get(id) ?? 0) - draws * five.probabilities[i]!) ** 2 / (draws * five.probabilities[i]!)),
  );
  return tail4(x);
}

const numbers = uniformsOf({ seed: 2026n, choice: 3 });

test('the Gumbel draw has the distribution that it was given', () => {
  const p = chiSquareTail((position) => drawGumbel(five, position, numbers));
  assert.ok(p > falseAlarm, `χ² with a tail of ${p}`);
});

test('equal scores go to the lower id', () => {
  const p = { ids: Int32Array.of(5, 2, 8), probabilities: Float64Array.of(0.4, 0.4, 0.2) };
  assert.is(
    drawGumbel(p, 0, () => 0.5),
    2,
  );
  assert.is(
    drawGumbel({ ...p, ids: Int32Array.of(2, 5, 8) }, 0, () => 0.5),
    2,
  );
});

const wrongNumbers: Record<string, Uniforms> = {
  'one number for all ids of a position': (position, purpose) => numbers(position, purpose),
  'one number for all positions': (_position, purpose, word) => numbers(0, purpose, word),
  'numbers of half the range': (...is) => numbers(...is) / 2,
  'ids that share their number in pairs': (position, purpose, word = 0) => numbers(position, purpose, word >> 3),
};

for (const [name, wrong] of Object.entries(wrongNumbers)) {
  test(`reported by χ²: ${name}`, () => {
    const p = chiSquareTail((position) => drawGumbel(five, position, wrong));
    assert.ok(p <= falseAlarm, `χ² with a tail of ${p}`);
  });
}

test.run();
