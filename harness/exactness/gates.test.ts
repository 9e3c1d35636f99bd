import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { embeddedModel, loadModel, type Model } from '../../runtime/index.ts';
import { bitGates } from './gates.ts';
import { gateText } from './text.ts';

const test = suite<{ model: Model; tokens: Int32Array }>('bit gates');

test.before(async (context) => {
  context.model = await loadModel(embeddedModel);
  context.tokens = await gateText((text) => context.model.encode(text));
});
test.after(({ model }) => model.dispose());

for (const gate of bitGates) {
  test(`${gate.name}: ${gate.claim}`, async ({ model, tokens }) => {
    const report = await gate.run({ model: model.engine, tokens });
    assert.is(report.firstFailure, null);
    assert.equal([report.passed, report.differing, report.maxDiff], [true, 0, 0]);
    assert.ok(report.compared > 100_000, `compared only ${report.compared} numbers`);
  });
}

test.run();
