import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { leviathan } from './acceptance/leviathan.ts';
import {
  type CycleRecord,
  decode,
  decodeWith,
  type DecodingOptions,
  type DecodingStep,
  type DepthPolicy,
} from './cycle.ts';
import { uniform, type Uniforms, uniformsOf } from './random.ts';
import { Tally } from './tally.ts';
import { type Entry, type Faults, FakeTarget } from './testing/fake-target.ts';
import { decodingOptions } from './testing/decoding-options.ts';
import { filter, toyModel } from './testing/scenarios.ts';
import type { ToyModel } from './testing/toy-model.ts';

const test = suite('the cycle');

interface Run {
  toy: ToyModel;
  history: number[];
  prompt: number[];
  options: DecodingOptions;
}

const ids = (vocabSize: number, minLength: number) => fc.array(fc.nat(vocabSize - 1), { minLength, maxLength: 6 });

/** Anything that a caller may ask for: both rules, all depths, restored history, prompts of one token and more. */
const anyRun: fc.Arbitrary<Run> = fc
  .integer({ min: 2, max: 6 })
  .chain(toyModel)
  .chain((toy) =>
    fc.record({
      toy: fc.constant(toy),
      history: ids(toy.vocabSize, 0),
      prompt: ids(toy.vocabSize, 1),
      options: fc.record({
        sampler: filter,
        draftSampler: filter,
        acceptance: fc.constantFrom('leviathan', 'coupled'),
        key: fc.record({ seed: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), choice: fc.nat(3) }),
        depth: fc.nat(8),
        maxTokens: fc.integer({ min: 1, max: 20 }),
        stopIds: fc.oneof(
          fc.constant(new Set<number>()),
          fc.nat(toy.vocabSize - 1).map((id) => new Set([id])),
        ),
        vocabSize: fc.constant(toy.vocabSize),
        prefillChunk: fc.integer({ min: 1, max: 7 }),
      }),
    }),
  );

interface Outcome {
  steps: DecodingStep[];
  text: number[];
  target: FakeTarget;
}

async function run({ toy, history, prompt, options }: Run, faults: Faults = {}): Promise<Outcome> {
  const target = new FakeTarget(toy, history, faults);
  const steps: DecodingStep[] = [];
  for await (const step of decode(target, Int32Array.from(prompt), history.length, options)) steps.push(step);
  return { steps, text: steps.flatMap(({ tokens }) => tokens), target };
}

const held = ({ history, prompt }: Run, text: number[]) => [...history, ...prompt, ...text.slice(0, -1)];

test('the sequence ends with the prompt and all emitted tokens but the last, wherever an end cuts a run', async () => {
  await fc.assert(
    fc.asyncProperty(anyRun, async (any) => {
      const { steps, text, target } = await run(any);
      const { maxTokens, stopIds } = any.options;
      assert.equal(target.history, held(any, text));
      const stop = text.findIndex((id) => stopIds.has(id));
      assert.is(text.length, stop < 0 ? maxTokens : stop + 1);
      assert.equal(
        steps.map(({ finish }) => finish),
        steps.map((_, i) => (i < steps.length - 1 ? null : stop < 0 ? 'length' : 'stop')),
      );
    }),
    { numRuns: 500 },
  );
});

test('counts add up, cycle by cycle and in the tally', async () => {
  await fc.assert(
    fc.asyncProperty(anyRun, async (any) => {
      const { steps, text, target } = await run(any);
      const tally = new Tally();
      let left = any.options.maxTokens - 1;
      let emittedDrafts = 0;
      for (const { tokens, cycle } of steps) {
        tally.add(tokens.length, cycle);
        if (cycle === null) continue;
        assert.is(tokens.length, cycle.accepted + 1 - cycle.truncated);
        assert.ok(cycle.accepted <= cycle.drafted && cycle.drafted <= any.options.depth);
        left -= tokens.length;
        emittedDrafts += cycle.truncated === 0 ? tokens.length - 1 : tokens.length;
        if (any.options.acceptance === 'coupled')
          assert.ok(cycle.drafted < left + tokens.length, 'a draft over the limit');
        assert.is(cycle.kind, cycle.accepted === cycle.drafted ? 'bonus' : 'correction');
        assert.equal(cycle.times, { commit: 1, draft: 2, verify: 3, candidates: 4, total: 10 });
      }
      const c = tally.counts;
      assert.is(c.accepted, emittedDrafts);
      assert.is(c.emitted, text.length);
      assert.is(c.emitted, c.first + c.accepted + c.corrections + c.bonuses - c.truncated);
      assert.is(
        c.accepted,
        c.acceptedAt.reduce((a, b) => a + b, 0),
      );
      assert.is(c.cycles, c.corrections + c.bonuses);
      assert.is(c.cycles, target.calls.length - Math.ceil(any.prompt.length / any.options.prefillChunk!));
      const drafts = target.calls.reduce((sum, { depth }) => sum + depth, 0);
      assert.is(c.drafted, drafts);
    }),
    { numRuns: 500 },
  );
});

test('the same seed gives the same text twice; leviathan runs at a fixed depth, and a limit only cuts its text', async () => {
  await fc.assert(
    fc.asyncProperty(anyRun, async (any) => {
      const free = { ...any, options: { ...any.options, stopIds: new Set<number>() } };
      const { text } = await run(free);
      assert.equal((await run(free)).text, text);
      const longer = await run({ ...free, options: { ...free.options, maxTokens: free.options.maxTokens + 9 } });
      assert.equal(longer.text.slice(0, text.length), text);
      if (any.options.acceptance === 'leviathan') {
        const cycles = longer.target.calls.filter(({ logits }) => logits === 'all');
        assert.ok(cycles.every(({ depth }) => depth === any.options.depth));
      }
    }),
  );
});

/** Depths from a list, the same again and again. */
function depthsInTurn(depths: readonly number[]): DepthPolicy & { seen: CycleRecord[] } {
  const seen: CycleRecord[] = [];
  return {
    drafts: true,
    changes: [],
    seen,
    get depth() {
      return depths[seen.length % depths.length]!;
    },
    observe: (cycle) => void seen.push(cycle),
  };
}

test('a coupled text is the same under any policy; the policy sees every cycle and is obeyed up to the limit', async () => {
  const policies = fc.array(fc.nat(8), { minLength: 1, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(anyRun, policies, async (any, depths) => {
      const depthPolicy = depthsInTurn(depths);
      const { steps, text, target } = await run({ ...any, options: { ...any.options, depthPolicy } });
      if (any.options.acceptance === 'coupled') assert.equal(text, (await run(any)).text);
      assert.equal(target.history, held(any, text));
      assert.equal(
        depthPolicy.seen,
        steps.flatMap(({ cycle }) => cycle ?? []),
      );
      let left = any.options.maxTokens - 1;
      for (const [i, { tokens, cycle }] of steps.slice(1).entries()) {
        assert.is(cycle!.drafted, Math.min(depths[i % depths.length]!, left - 1));
        left -= tokens.length;
      }
    }),
    { numRuns: 300 },
  );
});

test('continuing a restored sequence is the same as never having stopped', async () => {
  await fc.assert(
    fc.asyncProperty(anyRun, fc.nat(6), async (any, cut) => {
      const whole = { ...any, history: [], prompt: [...any.history, ...any.prompt] };
      const at = Math.min(cut, whole.prompt.length - 1);
      const restored = { ...any, history: whole.prompt.slice(0, at), prompt: whole.prompt.slice(at) };
      assert.equal((await run(restored)).text, (await run(whole)).text);
    }),
  );
});

test('every decision has a number of its own', async () => {
  await fc.assert(
    fc.asyncProperty(anyRun, async ({ toy, history, prompt, options }) => {
      const seen = new Set<string>();
      const uniforms: Uniforms = (position, purpose, word = 0) => {
        const name = `${position} ${purpose} ${word}`;
        assert.not(seen.has(name), `${name} is used twice`);
        seen.add(name);
        assert.ok(position >= history.length + prompt.length, 'a number of the prompt');
        return uniform(options.key, position, purpose, word);
      };
      const target = new FakeTarget(toy, history);
      const steps = decodeWith(target, Int32Array.from(prompt), history.length, options, { rule: leviathan, uniforms });
      for await (const _ of steps);
      // The numbers that went into native draws are those that were asked for, once each.
      const native = target.calls.flatMap(({ draft, draw }) => [draft?.noise, draw?.noise]);
      const sent = native.flatMap((noise) => (noise?.kind === 'uniform' ? [...noise.uniforms] : []));
      assert.is(new Set(sent).size, sent.length);
    }),
  );
});

const cut = { temperature: 1, topP: 1, topK: 2 };
const greedy = { temperature: 0, topP: 1, topK: 0 };
/** Counts 0, 1, 2, 3, 0 …; drafts agree, so that every cycle at depth 3 emits four tokens. */
const rows = Array.from({ length: 16 }, (_, r) =>
  Float32Array.from({ length: 4 }, (_v, id) => Number(id === (r + 1) % 4)),
);
const counting: ToyModel = { vocabSize: 4, target: rows, draft: rows };
const count = (change: Partial<DecodingOptions> = {}): Run => ({
  toy: counting,
  history: [],
  prompt: [0],
  options: decodingOptions({
    sampler: greedy,
    draftSampler: greedy,
    depth: 3,
    maxTokens: 100,
    vocabSize: 4,
    ...change,
  }),
});

test('stop ids, limits and stopAfter cut inside an accepted run', async () => {
  for (const change of [{ stopIds: new Set([3]) }, { maxTokens: 3 }, { stopAfter: (id: number) => id === 3 }]) {
    const any = count(change);
    const { steps, text, target } = await run(any);
    assert.equal(text, [1, 2, 3]);
    const { cycle, finish } = steps.at(-1)!;
    assert.equal([cycle!.accepted, cycle!.truncated], [3, 2]);
    assert.is(finish, 'maxTokens' in change ? 'length' : 'stop');
    assert.equal(target.history, held(any, text));
  }
});

test('stopAfter hears every emitted token once, in order, and no other', async () => {
  const heard: number[] = [];
  const { text } = await run(count({ maxTokens: 7, stopAfter: (id) => heard.push(id) < 0 }));
  assert.equal(heard, text);
});

test('a signal ends the text within one cycle: before the prefill, between chunks, in a cycle, between cycles', async () => {
  for (const at of [0, 1, 2, 3]) {
    const controller = new AbortController();
    const any = { ...count({ signal: controller.signal, prefillChunk: 2 }), prompt: [0, 1, 2, 3] };
    const { steps, text, target } = await run(any, { before: (n) => (n === at ? controller.abort() : undefined) });
    assert.is(steps.at(-1)!.finish, 'abort');
    assert.is(target.calls.length, at + 1, 'the call in flight was the last');
    assert.equal(text, [[], [0], [0, 1, 2, 3, 0], [0, 1, 2, 3, 0, 1, 2, 3, 0]][at]!);
    assert.equal(target.history, at === 0 ? [0, 1] : held(any, text));
  }
  const { steps, target } = await run(count({ signal: AbortSignal.abort() }));
  assert.equal(steps, [{ tokens: [], cycle: null, finish: 'abort' }]);
  assert.equal([target.calls.length, target.history], [0, []]);
});

test('a caller that leaves early, also while a cycle is in flight, leaves the state at the last emitted token', async () => {
  const any = count();
  const target = new FakeTarget(counting, []);
  const text: number[] = [];
  for await (const { tokens } of decode(target, Int32Array.of(0), 0, any.options)) {
    text.push(...tokens);
    if (text.length > 5) break;
  }
  assert.equal(target.history, held(any, text));

  let open = (): void => undefined;
  const slow = new FakeTarget(counting, [], { before: () => new Promise<void>((resolve) => (open = resolve)) });
  const steps = decode(slow, Int32Array.of(0), 0, any.options);
  const first = steps.next();
  open();
  assert.equal((await first).value!.tokens, [1]);
  const second = steps.next();
  const left = steps.return();
  open();
  const run2 = (await second).value as DecodingStep;
  await left;
  assert.equal(slow.history, held(any, [1, ...run2.tokens]));
});

test("a prompt's chunks are history in their own call, the rows of cycles in the next", async () => {
  const { target } = await run({ ...count({ prefillChunk: 2, maxTokens: 6 }), prompt: [0, 1, 2, 3, 0] });
  const [prompt, cycles] = [target.calls.slice(0, 3), target.calls.slice(3)];
  assert.equal(
    prompt.map(({ keep, commits }) => [keep, commits]),
    [
      [0, true],
      [0, true],
      [0, true],
    ],
  );
  assert.is(cycles[0]!.keep, 0);
  assert.ok(cycles.length > 1 && cycles.slice(1).every(({ keep }) => keep > 0));
  assert.ok(cycles.every(({ commits }) => !commits));
});

test("the engine's error comes through, also where it lost the sequence, and ends the text", async () => {
  for (const at of [0, 1, 2]) {
    const any = count();
    const before = (n: number): void => {
      if (n === at) throw new Error('out of memory');
    };
    const error = await run(any, { before }).then(() => null, String);
    assert.is(error, 'Error: out of memory', `call ${at}`);
  }
});

test('an error of the rule or of the caller commits nothing that was not emitted', async () => {
  for (const wrong of ['rule', 'stopAfter'] as const) {
    const text: number[] = [];
    let calls = 0;
    const fail = (): never => {
      throw new Error('on purpose');
    };
    const options = count({
      sampler: cut,
      draftSampler: cut,
      stopAfter: (id) => wrong === 'stopAfter' && text.length > 1 && id === text[0]! && fail(),
    }).options;
    const target = new FakeTarget(counting, []);
    const steps = decodeWith(target, Int32Array.of(0), 0, options, {
      rule: (...is) => (wrong === 'rule' && ++calls > 2 ? fail() : leviathan(...is)),
      uniforms: uniformsOf(options.key),
    });
    let error: unknown = null;
    try {
      for await (const { tokens } of steps) text.push(...tokens);
    } catch (caught) {
      error = caught;
    }
    assert.is(String(error), 'Error: on purpose');
    assert.ok(text.length > 1);
    assert.equal(target.history, [0, ...text.slice(0, -1)]);
  }
});

test('edits and masks reach every target row, with candidates and with native draws', async () => {
  const mask = Uint32Array.of(0b1011);
  const edits = { ids: Int32Array.of(1), multiply: Float32Array.of(1), add: Float32Array.of(9), mask };
  await fc.assert(
    fc.asyncProperty(anyRun, async (any) => {
      fc.pre(any.toy.vocabSize === 4);
      const toy = { ...any.toy, target: any.toy.target.map((row) => Float32Array.from(row, (x) => Math.max(x, -45))) };
      const { text } = await run({ ...any, toy, options: { ...any.options, edits } });
      assert.not(text.includes(2), 'a masked id');
      const edited = toy.target.map((row) =>
        Float32Array.from(row, (x, id) => (id === 2 ? -Infinity : id === 1 ? x + 9 : x)),
      );
      assert.equal((await run({ ...any, toy: { ...toy, target: edited } })).text, text);
    }),
  );
});

test('without top-k a draw alone is made by native code; leviathan with drafts gets the whole vocabulary', async () => {
  const plain = { temperature: 1, topP: 1, topK: 0 };
  const entries = async (change: Partial<DecodingOptions>): Promise<Entry> =>
    (await run(count({ sampler: plain, maxTokens: 30, ...change }))).target.calls[1]!;
  assert.equal((await entries({ depth: 0 })).draw?.noise.kind, 'uniform');
  assert.equal((await entries({ acceptance: 'coupled' })).draw?.noise.kind, 'gumbel');
  const whole = await entries({});
  assert.equal([whole.draw, whole.candidates.count], [null, 4]);
  assert.equal((await entries({ sampler: greedy })).candidates.count, 1);
  assert.equal((await entries({ sampler: { ...plain, topK: 9 } })).candidates.count, 4);
});

test('refuses an empty prompt and a limit below one token', async () => {
  for (const any of [{ ...count(), prompt: [] }, count({ maxTokens: 0 })]) {
    assert.match(await run(any).then(() => '', String), /RangeError/);
  }
});

test.run();
