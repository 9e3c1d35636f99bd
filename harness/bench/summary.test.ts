import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { armsOf } from './arms.ts';
import { armSchema } from './document.ts';
import { summarise } from './summary.ts';
import { fakeGeneration, type FakeCycle } from './testing/generations.ts';

const test = suite('bench summary');
const arms = armsOf([3]);

/** Plain decoding of `count` steps that take `wall` milliseconds each. */
const plain = (count: number, wall: number): FakeCycle[] =>
  Array.from({ length: count }, () => ({ accepted: 0, wall }));

function near(actual: number, expected: number): void {
  assert.ok(Math.abs(actual - expected) < 1e-9, `${actual} is not ${expected}`);
}

test('the mean of the ratios weighs prompts alike, the ratio of totals weighs time', () => {
  const generations = [
    // Prompt 0: 8 tokens, 80 ms against 40 ms. Prompt 1: 8 tokens, 800 ms against 800 ms.
    fakeGeneration({ depth: 0, prompt: 0, cycles: plain(8, 10) }),
    fakeGeneration({
      depth: 3,
      prompt: 0,
      cycles: [
        { accepted: 3, wall: 20 },
        { accepted: 3, wall: 20 },
      ],
    }),
    fakeGeneration({ depth: 0, prompt: 1, cycles: plain(8, 100) }),
    fakeGeneration({ depth: 3, prompt: 1, cycles: Array.from({ length: 8 }, () => ({ accepted: 0, wall: 100 })) }),
  ];
  const { arms: results, mean_speedup_vs_ar, speedup_of_totals, best_arm } = summarise(generations, arms, 'leviathan');
  const [ar, mtp] = results;
  near(ar!.tok_s, 16 / 0.88);
  near(mtp!.tok_s, 16 / 0.84);
  assert.is(ar!.speedup_vs_ar, 1);
  assert.is(mean_speedup_vs_ar, 1.5);
  near(speedup_of_totals!, 880 / 840);
  assert.equal(mtp!.speedup_range, [1, 2]);
  assert.is(best_arm, 'mtp-d3');
});

test('runs of one prompt are added up before the ratio', () => {
  const generations = [
    fakeGeneration({ depth: 0, run: 0, cycles: plain(4, 10) }),
    fakeGeneration({ depth: 3, run: 0, cycles: [{ accepted: 3, wall: 10 }] }),
    fakeGeneration({ depth: 0, run: 1, cycles: plain(4, 30) }),
    fakeGeneration({ depth: 3, run: 1, cycles: [{ accepted: 3, wall: 70 }] }),
  ];
  near(summarise(generations, arms, 'leviathan').mean_speedup_vs_ar!, 160 / 80);
});

test('the first token and its time are no part of the speed', () => {
  const cycles = plain(10, 10);
  const [slow, fast] = [1000, 1].map((ttft) =>
    summarise([fakeGeneration({ depth: 0, ttft, cycles })], armsOf([]), 'leviathan'),
  );
  near(slow!.arms[0]!.tok_s, 100);
  near(fast!.arms[0]!.tok_s, 100);
  assert.is(slow!.arms[0]!.ttft_ms, 1000);
});

test('acceptance by its three definitions, and the accepted length', () => {
  const generations = [
    fakeGeneration({ depth: 0, cycles: plain(9, 10) }),
    fakeGeneration({
      depth: 3,
      cycles: [
        { accepted: 3, wall: 20 },
        { accepted: 1, wall: 20 },
        { accepted: 0, wall: 20 },
        { accepted: 1, wall: 20 },
      ],
    }),
  ];
  const mtp = summarise(generations, arms, 'leviathan').arms[1]!;
  assert.equal(mtp.acceptance_per_step, [3 / 4, 1 / 4, 1 / 4]);
  assert.equal(mtp.acceptance_conditional, [3 / 4, 1 / 3, 1]);
  assert.is(mtp.acceptance_rate, 5 / 12);
  assert.is(mtp.accepted_length, 9 / 4);
  assert.is(mtp.bonuses, 1);
  assert.is(mtp.corrections, 3);
});

test('the projection is accepted length over what a cycle costs, by medians', () => {
  const generations = [
    // One stalled step and one stalled cycle spoil the measured ratio and leave the projection alone.
    fakeGeneration({ depth: 0, cycles: [...plain(8, 10), { accepted: 0, wall: 500 }] }),
    fakeGeneration({
      depth: 3,
      cycles: [
        { accepted: 2, wall: 15, verify: 12 },
        { accepted: 2, wall: 15, verify: 12 },
        { accepted: 2, wall: 15, verify: 12 },
      ],
    }),
  ];
  const { arms: results, projected_speedup } = summarise(generations, arms, 'leviathan');
  near(projected_speedup!, 3 / 1.5);
  near(results[1]!.cycle_ms, 15);
  near(results[1]!.verify_ms, 12);
  near(results[1]!.verify_over_step, 12 / 5);
  near(results[1]!.outside_ms, 0.05);
  near(results[1]!.overhead_ms, 15 - 0.05 - 0.1 - 0.6 - 12);
  assert.is(results[0]!.projected_speedup, 1);
  assert.is(results[0]!.verify_over_step, 1);
});

test('a loss is shown as a loss', () => {
  const generations = [
    fakeGeneration({ depth: 0, cycles: plain(4, 10) }),
    fakeGeneration({ depth: 3, cycles: [{ accepted: 3, wall: 50 }] }),
  ];
  const result = summarise(generations, arms, 'leviathan');
  assert.is(result.best_arm, 'ar');
  near(result.mean_speedup_vs_ar!, 0.8);
});

test('without drafts there is nothing to compare', () => {
  const result = summarise([fakeGeneration({ depth: 0, cycles: plain(4, 10) })], armsOf([]), 'leviathan');
  assert.equal(
    [result.best_arm, result.mean_speedup_vs_ar, result.projected_speedup, result.coupled],
    ['ar', null, null, null],
  );
});

test('coupled generations have figures of their own', () => {
  const generations = [
    fakeGeneration({ depth: 0, cycles: plain(4, 10) }),
    fakeGeneration({ depth: 3, cycles: [{ accepted: 3, wall: 10 }] }),
    fakeGeneration({ depth: 0, acceptance: 'coupled', cycles: plain(4, 10) }),
    fakeGeneration({ depth: 3, acceptance: 'coupled', cycles: [{ accepted: 3, wall: 20 }] }),
  ];
  const { arms: results, mean_speedup_vs_ar, coupled } = summarise(generations, arms, 'leviathan');
  assert.is(mean_speedup_vs_ar, 4);
  assert.equal(coupled, {
    runs: 1,
    mean_speedup_vs_ar: 2,
    speedup_of_totals: 2,
    same_text: true,
    first_difference: null,
  });
  assert.is(results[1]!.cycles, 1);
  assert.is(results[1]!.coupled?.speedup_vs_ar, 2);
});

test('other tokens in a coupled arm are found and named', () => {
  const coupled = (depth: number, firstToken: number, cycles: FakeCycle[], prompt = 0) =>
    fakeGeneration({ depth, firstToken, cycles, prompt, acceptance: 'coupled' });
  const differing = [
    coupled(0, 0, plain(4, 10)),
    coupled(3, 0, [{ accepted: 3, wall: 20 }]),
    coupled(0, 0, plain(4, 10), 1),
    coupled(3, 7, [{ accepted: 3, wall: 20 }], 1),
  ];
  const { coupled: found } = summarise(differing, arms, 'coupled');
  assert.is(found?.same_text, false);
  assert.is(found?.first_difference, 'prompt 1, run 0, new token 0: ar has token 0, mtp-d3 token 7');
  const short = [coupled(0, 0, plain(4, 10)), coupled(3, 0, [{ accepted: 3, truncated: 1, wall: 20 }])];
  assert.is(
    summarise(short, arms, 'coupled').coupled?.first_difference,
    'prompt 0, run 0, new token 4: ar has token 4, mtp-d3 nothing',
  );
});

test('counts add up for any cycles, and every figure fits its schema', () => {
  const depth = 3;
  const cycle = fc
    .record({ accepted: fc.nat(depth), wall: fc.integer({ min: 1, max: 50 }) })
    .chain(({ accepted, wall }) => fc.nat(accepted).map((truncated): FakeCycle => ({ accepted, wall, truncated })));
  const generation = fc.array(cycle, { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(fc.array(generation, { minLength: 1, maxLength: 5 }), (runs) => {
      const generations = runs.flatMap((cycles, run) => [
        fakeGeneration({ depth: 0, run, cycles: plain(5, 10) }),
        fakeGeneration({ depth, run, cycles }),
      ]);
      const summary = summarise(generations, arms, 'leviathan');
      for (const arm of summary.arms) {
        armSchema.parse(arm);
        assert.is(arm.emitted, arm.first + arm.accepted + arm.corrections + arm.bonuses - arm.truncated);
        const tokens = generations
          .filter(({ job }) => job.arm.name === arm.name)
          .flatMap(({ steps }) => steps.flatMap((step) => step.tokens));
        assert.is(arm.emitted, tokens.length);
        assert.is(arm.first, runs.length);
        // Drafts that an end cut off were accepted and never emitted.
        const steps = generations
          .filter(({ job }) => job.arm.name === arm.name)
          .flatMap((generation) => generation.steps);
        const emittedDrafts = steps.map(({ tokens, cycle }) => Math.min(cycle?.accepted ?? 0, tokens.length));
        assert.is(
          arm.accepted,
          emittedDrafts.reduce((a, b) => a + b),
        );
        near(arm.acceptance_per_step.reduce((a, b) => a + b, 0) * arm.cycles, arm.accepted);
      }
    }),
  );
});

test.run();
