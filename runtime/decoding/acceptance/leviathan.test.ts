import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { DecodingOptions, DepthPolicy } from '../options.ts';
import { leviathanProblem } from '../testing/exactness.ts';
import { mutants, showcases } from '../testing/mutants.ts';
import { scenario } from '../testing/scenarios.ts';
import { leviathan, residual } from './leviathan.ts';

const test = suite('leviathan, over all values of its random numbers');

test('the emitted texts have the joint distribution of the model, for any p, q, filters and depth', async () => {
  await fc.assert(
    fc.asyncProperty(scenario, async (any) => assert.is(await leviathanProblem(any), null)),
    { numRuns: 100 },
  );
});

/** The next depth hangs on every verdict so far. */
function policyFrom(most: number): DepthPolicy {
  let sum = most;
  return {
    drafts: true,
    changes: [],
    get depth() {
      return sum % (most + 1);
    },
    observe: ({ drafted, accepted }) => void (sum += 1 + accepted + 2 * drafted),
  };
}

test('they still have it when the depth of a cycle hangs on the verdicts before it', async () => {
  await fc.assert(
    fc.asyncProperty(scenario, async (any) => {
      const options = (fixed: DecodingOptions): DecodingOptions => ({ ...fixed, depthPolicy: policyFrom(fixed.depth) });
      assert.is(await leviathanProblem(any, { options }), null);
    }),
    { numRuns: 50 },
  );
});

test('the scenarios of the mutants are fine without a mutation', async () => {
  for (const showcase of showcases) {
    assert.is(await leviathanProblem(showcase), null);
    assert.is(await leviathanProblem(showcase, { rule: {} }), null);
  }
});

for (const [name, parts] of Object.entries(mutants)) {
  test(`reported: ${name}`, async () => {
    for (const showcase of showcases) if ((await leviathanProblem(showcase, parts)) !== null) return;
    assert.unreachable('no scenario shows it');
  });
}

test('a draft without probability in its q is refused', () => {
  const one = (id: number) => ({ ids: Int32Array.of(id), probabilities: Float64Array.of(1) });
  assert.throws(() => leviathan([{ token: 1, q: one(0) }], [one(0), one(0)], 1, () => 0.5), /has no probability/);
});

test('the residual of two equal distributions is p: rounding may refuse a draft there', () => {
  const p = { ids: Int32Array.of(2, 0), probabilities: Float64Array.of(0.75, 0.25) };
  assert.equal(residual(p, p), p);
});

test.run();
