import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { uniform } from '../../../runtime/decoding/random.ts';
import { mmdTest } from './mmd.ts';

const test = suite('MMD of texts');

/** Texts of 20 tokens, each the last one plus 1 with probability `stay`, else anything of 8. */
function texts(count: number, stay: number, seed: number): number[][] {
  return Array.from({ length: count }, (_, t) => {
    const text = [0];
    for (let i = 1; i < 20; i++) {
      const u = (purpose: 1 | 2) => uniform({ seed: BigInt(seed), choice: t }, i, purpose);
      text.push(u(1) < stay ? (text.at(-1)! + 1) % 8 : Math.floor(8 * u(2)));
    }
    return text;
  });
}

test('texts of one law pass, texts of another do not', () => {
  for (const seed of [1, 2, 3, 4]) {
    assert.ok(mmdTest(texts(30, 0.6, seed), texts(30, 0.6, seed + 100), 999).pValue > 1e-3);
    assert.is(mmdTest(texts(30, 0.6, seed), texts(30, 0.2, seed + 100), 999).pValue, 1e-3);
  }
});

test('p-values of one law are uniform', () => {
  const values = Array.from(
    { length: 60 },
    (_, i) => mmdTest(texts(10, 0.5, 2 * i), texts(10, 0.5, 2 * i + 1), 199).pValue,
  );
  const below = (limit: number) => values.filter((p) => p <= limit).length / values.length;
  assert.ok(Math.abs(below(0.5) - 0.5) < 0.2 && below(0.05) < 0.15, values.join(' '));
});

test('the discrepancy by hand: unigrams alone, equal and disjoint', () => {
  const same = [[1], [1]];
  assert.is(mmdTest(same, same, 9).mmd2, 0);
  assert.is(mmdTest(same, [[2], [2]], 9).mmd2, 2);
});

test('the same splits again', () => {
  const [a, b] = [texts(8, 0.6, 1), texts(8, 0.4, 2)];
  assert.equal(mmdTest(a, b, 99), mmdTest(a, b, 99));
});

test.run();
