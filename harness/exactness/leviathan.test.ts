import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decode } from '../../runtime/decoding/cycle.ts';
import { embeddedModel, loadModel, type Model } from '../../runtime/index.ts';
import { decoded } from './decoded.ts';
import { type GateInput, prefilled } from './gate.ts';
import {
  type Decision,
  decisionAfter,
  draftSampler,
  draws,
  emit,
  emittedLaw,
  falseAlarms,
  sampler,
  testableDecisions,
  testDraws,
  wantedPower,
} from './leviathan.ts';
import { gateText } from './text.ts';

const test = suite<{ model: Model; input: GateInput; chosen: { decision: Decision; power: number }[] }>('leviathan');
const acceptance = 'leviathan';

test.before(async (context) => {
  context.model = await loadModel(embeddedModel);
  const tokens = await gateText((text) => context.model.encode(text));
  context.input = { model: context.model.engine, tokens };
  context.chosen = await testableDecisions(context.model.engine, tokens, 3);
});
test.after(({ model }) => model.dispose());

test('the same seed gives the same text twice, another seed another text', async ({ input }) => {
  const text = async (seed: bigint) => {
    const key = { seed, choice: 0 };
    return (await decoded(input, { sampler, draftSampler, acceptance, key, depth: 3, maxTokens: 200 })).ids;
  };
  const first = await text(5n);
  assert.is(first.length, 200);
  assert.equal(await text(5n), first);
  assert.not.equal(await text(6n), first);
});

test('the law of the emitted token is p, and the control changes it', ({ chosen }) => {
  for (const { decision } of chosen) {
    const distance = (law: Map<number, number>) =>
      [...decision.p.ids].reduce((sum, id, i) => sum + Math.abs((law.get(id) ?? 0) - decision.p.probabilities[i]!), 0);
    assert.ok(distance(emittedLaw(decision, decision.q)) < 1e-12);
    assert.ok(distance(emittedLaw(decision, decision.controlQ)) > 1e-2);
  }
});

test(`χ² over ${draws} draws: production passes, q without the draft temperature fails`, ({ chosen }) => {
  assert.is(chosen.length, 3);
  for (const { decision, power } of chosen) {
    assert.ok(power >= wantedPower, `power ${power} after ${decision.length} tokens`);
    const real = testDraws(decision, decision.q);
    assert.ok(real.smallestCell >= 20);
    assert.ok(real.pValue > falseAlarms, `χ²(${real.df}) = ${real.statistic}, p ${real.pValue}`);
    const control = testDraws(decision, decision.controlQ);
    assert.ok(control.pValue < falseAlarms, `control: χ²(${control.df}) = ${control.statistic}, p ${control.pValue}`);
  }
});

test('200 cycles through the loop and the engine emit what those draws emit', async ({ input, chosen }) => {
  const { length } = chosen[0]!.decision;
  const base = await prefilled(input, length);
  const after = await prefilled(input, length + 1);
  const token = input.tokens[length]!;
  const { vocabSize } = input.model.request.spec;
  const known = new Map<number, Decision>();
  let accepted = 0;
  for (let seed = 0; seed < 200; seed++) {
    const key = { seed: BigInt(seed), choice: 0 };
    const options = {
      sampler,
      draftSampler,
      acceptance,
      key,
      depth: 3,
      stopIds: new Set<number>(),
      vocabSize,
    } as const;
    await using fork = await base.fork();
    const emitted: number[] = [];
    for await (const step of decode(fork, Int32Array.of(token), length, { ...options, maxTokens: 2 })) {
      emitted.push(...step.tokens);
      accepted += Math.min(1, step.cycle?.accepted ?? 0);
    }
    const [first, second] = emitted as [number, number];
    if (!known.has(first)) known.set(first, await decisionAfter(after, length + 1, first));
    const decision = known.get(first)!;
    assert.is(second, emit(decision, decision.q, key), `seed ${seed}`);
  }
  assert.ok(accepted > 0 && accepted < 200, `${accepted} first drafts accepted`);
  await base.dispose();
  await after.dispose();
});

test.run();
