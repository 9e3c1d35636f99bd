import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { mean } from './averages.ts';
import { bootstrap, meanRateRatio, type RatePair, totalRateRatio, wilson } from './intervals.ts';
import { randomOf } from './randomness.ts';

const test = suite('intervals');

function near(found: number, expected: number): void {
  assert.ok(Math.abs(found - expected) < 1e-9, `${found} instead of ${expected}`);
}

// From the closed form at z = 1.959963984540054, 30 digits.
test('Wilson: the closed form', () => {
  const known: [successes: number, trials: number, low: number, high: number][] = [
    [0, 10, 0.0, 0.27753279986288926],
    [10, 10, 0.7224672001371107, 1.0],
    [1, 10, 0.017876213095072903, 0.4041500267952385],
    [5, 10, 0.23659309051256397, 0.7634069094874361],
    [799, 1000, 0.7730388134679093, 0.8226727849577288],
    [3, 7, 0.1582198552514697, 0.7495416354723428],
  ];
  for (const [successes, trials, low, high] of known) {
    const interval = wilson(successes, trials);
    near(interval.low, low);
    near(interval.high, high);
  }
  assert.equal(wilson(0, 0), { value: 0, low: 0, high: 1 });
});

test('Wilson: inside [0, 1], around the share, mirrored, narrower with more trials, wider at a higher level', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5000 }), fc.nat(5000), (trials, drawn) => {
      const successes = Math.min(drawn, trials);
      const { value, low, high } = wilson(successes, trials);
      assert.ok(0 <= low && low <= value && value <= high && high <= 1);
      near(wilson(trials - successes, trials).low, 1 - high);
      const more = wilson(4 * successes, 4 * trials);
      assert.ok(more.high - more.low < high - low);
      const wider = wilson(successes, trials, 0.99);
      assert.ok(wider.high - wider.low > high - low);
    }),
  );
});

test('Wilson: covers the true share in about 95 of 100 samples', () => {
  const random = randomOf(3);
  for (const share of [0.05, 0.5, 0.8]) {
    let covered = 0;
    for (let i = 0; i < 2000; i++) {
      let successes = 0;
      for (let j = 0; j < 60; j++) successes += Number(random() < share);
      const { low, high } = wilson(successes, 60);
      covered += Number(low <= share && share <= high);
    }
    assert.ok(covered > 0.93 * 2000 && covered < 0.985 * 2000, `${share}: ${covered}`);
  }
});

/** Ratios around `truth` whose prompts and repeats both vary. */
function sample(truth: number, prompts: number, repeats: number, random: () => number): RatePair[][] {
  const noise = (width: number): number => 1 + width * (random() + random() + random() - 1.5);
  return Array.from({ length: prompts }, () => {
    const ofPrompt = truth * noise(0.2);
    return Array.from({ length: repeats }, () => {
      return {
        arm: { tokens: 100, ms: (1000 / ofPrompt) * noise(0.05) },
        base: { tokens: 100, ms: 1000 * noise(0.05) },
      };
    });
  });
}

test('bootstrap: covers the true ratio in about 95 of 100 experiments', () => {
  const random = randomOf(11);
  let covered = 0;
  for (let i = 0; i < 300; i++) {
    const { value, low, high } = bootstrap(sample(1.8, 12, 3, random), meanRateRatio, { seed: i, resamples: 300 });
    assert.ok(low <= value && value <= high);
    covered += Number(low <= 1.8 && 1.8 <= high);
  }
  assert.ok(covered > 0.88 * 300 && covered < 0.99 * 300, `${covered}`);
});

test('bootstrap: the same seed gives the same interval, and equal values have no width', () => {
  const clusters = sample(1.5, 5, 3, randomOf(1));
  assert.equal(bootstrap(clusters, meanRateRatio, { seed: 4 }), bootstrap(clusters, meanRateRatio, { seed: 4 }));
  assert.not.equal(bootstrap(clusters, meanRateRatio, { seed: 4 }), bootstrap(clusters, meanRateRatio, { seed: 5 }));
  assert.equal(
    bootstrap([[3, 3], [3]], (c) => mean(c.flat()), { seed: 0 }),
    { value: 3, low: 3, high: 3 },
  );
});

test('bootstrap: one prompt varies by its repeats, one repeat by the prompts', () => {
  const values = Array.from({ length: 8 }, (_, i) => i);
  const statistic = (clusters: readonly (readonly number[])[]): number => mean(clusters.flat());
  for (const clusters of [[values], values.map((value) => [value])]) {
    const { low, high } = bootstrap(clusters, statistic, { seed: 0 });
    assert.ok(low < 3.5 && high > 3.5 && high - low > 1);
  }
});

test('bootstrap: nothing to draw from is refused', () => {
  assert.throws(() => bootstrap([], () => 0, { seed: 0 }), /clusters/);
  assert.throws(() => bootstrap([[1], []], () => 0, { seed: 0 }), /members/);
});

test('the mean of ratios weighs prompts alike, the ratio of totals weighs time', () => {
  const pair = (armMs: number, baseMs: number): RatePair => ({
    arm: { tokens: 8, ms: armMs },
    base: { tokens: 8, ms: baseMs },
  });
  const clusters = [[pair(40, 80)], [pair(800, 800)]];
  near(meanRateRatio(clusters), 1.5);
  near(totalRateRatio(clusters), 880 / 840);
  near(meanRateRatio([[pair(10, 10), pair(70, 150)]]), 2);
});

test.run();
