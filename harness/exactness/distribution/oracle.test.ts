import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { distribution } from '../../../runtime/decoding/distribution.ts';
import { candidatesOf } from '../../../runtime/decoding/testing/fake-target.ts';
import { naiveDistribution, onKnifeEdge } from '../../../runtime/decoding/testing/toy-model.ts';
import { targetDistribution } from './oracle.ts';

const test = suite('the oracle of the distribution gate');

const row = fc
  .array(fc.float({ min: -30, max: 30, noNaN: true }), { minLength: 2, maxLength: 60 })
  .map((values) => Float32Array.from(values));
const filter = fc.record({
  temperature: fc.constantFrom(0.3, 0.6, 1, 2),
  topP: fc.constantFrom(0.5, 0.9, 0.95, 1),
  topK: fc.constantFrom(0, 1, 3, 20),
});

test('it agrees with the formula of the enumeration and with production, to 1e-12', () => {
  fc.assert(
    fc.property(row, filter, (logits, given) => {
      fc.pre(!onKnifeEdge(logits, given));
      const found = targetDistribution(logits, given);
      const candidates = candidatesOf(logits, given.temperature, logits.length);
      for (const other of [new Map(naiveDistribution(logits, given)), mapOf(distribution(candidates, given))])
        for (const [id, p] of mapOf(found)) assert.ok(Math.abs(p - (other.get(id) ?? 0)) < 1e-12);
      const sum = found.probabilities.reduce((a, b) => a + b, 0);
      assert.ok(Math.abs(sum - 1) < 1e-12);
    }),
    { numRuns: 500 },
  );
});

function mapOf({ ids, probabilities }: ReturnType<typeof targetDistribution>): Map<number, number> {
  return new Map([...ids].map((id, i) => [id, probabilities[i]!]));
}

test.run();
