import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { MeasuredGeneration } from '../bench/measure.ts';
import { fakeGeneration, type FakeCycle } from '../bench/testing/generations.ts';
import { randomOf } from '../randomness.ts';
import { sweepArmSchema } from './sweep-document.ts';
import { summariseSweep } from './sweep-summary.ts';

const test = suite('summary of a sweep');
const options = { depths: [3], acceptance: 'leviathan', seed: 0 } as const;

function near(found: number, expected: number, within = 1e-9): void {
  assert.ok(Math.abs(found - expected) <= within, `${found} instead of ${expected}`);
}

/** Prompts of three repeats: plain steps of 10 ms, cycles of `wall` ms that give three tokens. */
function generations(wall: (prompt: number, run: number, cycle: number) => number): MeasuredGeneration[] {
  return [0, 1, 2, 3].flatMap((prompt) =>
    [0, 1, 2].flatMap((run) => {
      const plain = Array.from({ length: 24 }, (): FakeCycle => ({ accepted: 0, wall: 10, verify: 6 }));
      const drafting = Array.from({ length: 8 }, (_, i): FakeCycle => {
        return { accepted: 2, wall: wall(prompt, run, i), verify: 9 };
      });
      return [
        fakeGeneration({ depth: 0, prompt, run, cycles: plain }),
        fakeGeneration({ depth: 3, prompt, run, cycles: drafting }),
      ];
    }),
  );
}

test('equal blocks: every estimate by hand, without width', () => {
  const { arms, best_arm, warnings, same_text } = summariseSweep(
    generations(() => 15),
    options,
  );
  const [ar, mtp] = arms;
  for (const arm of arms) sweepArmSchema.parse(arm);
  const expected = {
    speedup_vs_ar: 2,
    speedup_of_totals: 2,
    accepted_length: 3,
    cycle_cost: 1.5,
    verify_over_step: 1.5,
    predicted_speedup: 2,
  };
  for (const [name, value] of Object.entries(expected)) {
    const estimate = mtp!.estimates[name as keyof typeof expected];
    for (const number of [estimate.value, estimate.low, estimate.high]) near(number, value);
  }
  near(mtp!.prediction_error, 0);
  assert.equal([ar!.estimates.speedup_vs_ar.value, ar!.estimates.predicted_speedup.value], [1, 1]);
  assert.equal([best_arm, warnings, same_text], ['mtp-d3', [], null]);
  assert.equal(
    mtp!.positions.map(({ accepted, drafted }) => [accepted, drafted]),
    [
      [96, 96],
      [96, 96],
      [0, 96],
    ],
  );
});

test('intervals hold what prompts and repeats vary by', () => {
  const random = randomOf(5);
  const noisy = generations((prompt) => 12 + 2 * prompt + random());
  const { speedup_vs_ar, cycle_cost } = summariseSweep(noisy, options).arms[1]!.estimates;
  for (const { value, low, high } of [speedup_vs_ar, cycle_cost]) assert.ok(low < value && value < high);
  assert.ok(speedup_vs_ar.low < 2.1 && speedup_vs_ar.high > 1.6);
});

test('one stalled cycle in each text moves the measurement, not the prediction, and the reader is warned', () => {
  const { arms, warnings } = summariseSweep(
    generations((_, __, cycle) => (cycle === 3 ? 75 : 15)),
    options,
  );
  const { estimates, prediction_error } = arms[1]!;
  near(estimates.predicted_speedup.value, 2);
  near(estimates.speedup_of_totals.value, 240 / 180);
  near(prediction_error, 240 / 180 / 2 - 1);
  assert.equal(warnings, ['mtp-d3: measured 1.33×, predicted 2.00× (-33 %)']);
});

test('a difference of 9 % is no warning, one of 11 % is, in both directions', () => {
  // Seven cycles of 15 ms and an eighth that moves the mean alone.
  const withMean = (mean: number): MeasuredGeneration[] =>
    generations((_, __, cycle) => (cycle === 3 ? 8 * mean - 7 * 15 : 15));
  const warned = (mean: number): number => summariseSweep(withMean(mean), options).warnings.length;
  assert.equal([15 / 0.91, 15 / 0.89, 15 / 1.09, 15 / 1.11].map(warned), [0, 1, 0, 1]);
});

test('coupled arms must emit the same tokens', () => {
  const pair = (firstToken: number): MeasuredGeneration[] => [
    fakeGeneration({ depth: 0, acceptance: 'coupled', cycles: [{ accepted: 0, wall: 10 }] }),
    fakeGeneration({ depth: 3, acceptance: 'coupled', firstToken, cycles: [{ accepted: 0, wall: 10 }] }),
  ];
  const coupled = { ...options, acceptance: 'coupled' } as const;
  assert.is(summariseSweep(pair(0), coupled).same_text, true);
  const other = summariseSweep(pair(4), coupled);
  assert.is(other.same_text, false);
  assert.match(other.first_difference!, 'new token 0');
});

test.run();
