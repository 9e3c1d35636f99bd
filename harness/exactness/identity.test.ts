import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { embeddedModel, loadModel, type Model } from '../../runtime/index.ts';
import type { Wrap } from './decoded.ts';
import { compareTexts, identity, samplers } from './identity.ts';
import { keepsOneMore, noiseByRow, ownSay } from './mutations/texts.ts';
import { gateText } from './text.ts';

const test = suite<{ model: Model; tokens: Int32Array }>('identity');

test.before(async (context) => {
  context.model = await loadModel(embeddedModel);
  context.tokens = await gateText((text) => context.model.encode(text));
});
test.after(({ model }) => model.dispose());

test(identity.claim, async ({ model, tokens }) => {
  const report = await identity.run({ model: model.engine, tokens });
  assert.is(report.firstFailure, null);
  assert.is(report.compared, 3 * 3 * (600 + 2));
});

const mutations: [name: string, wrap: Wrap, temperatures: number[]][] = [
  ['a draft accepted on its own say', ownSay, [0, 0.6, 1]],
  // Greedy draws have no noise.
  ['noise keyed by the row', noiseByRow, [0.6]],
  ['a refused draft that becomes history', keepsOneMore, [0, 0.6, 1]],
];
for (const [name, wrap, temperatures] of mutations) {
  for (const sampler of samplers.filter(({ temperature }) => temperatures.includes(temperature))) {
    test(`the same check fails on ${name} at T = ${sampler.temperature}`, async ({ model, tokens }) => {
      const input = { model: model.engine, tokens, failFast: true };
      const report = await compareTexts(input, { tokens: 80, wrap }, [sampler]);
      assert.is(report.passed, false);
      // By its ids, not for a lack of refused drafts.
      assert.match(report.firstFailure ?? '', /, depth \d: \d+ of 80/);
    });
  }
}

test.run();
