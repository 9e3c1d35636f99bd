import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { sweepOrder } from './sweep-order.ts';

const test = suite('order of a sweep');
const options = { prompts: 12, depths: [1, 2, 3, 4, 5], runs: 3, seed: 7, acceptance: 'leviathan' } as const;

test('every arm runs once for each prompt and repeat, in a block with one seed, repeat by repeat', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 8 }),
      fc.uniqueArray(fc.integer({ min: 1, max: 8 }), { minLength: 1 }),
      fc.integer({ min: 1, max: 4 }),
      fc.nat(2 ** 31),
      (prompts, depths, runs, seed) => {
        const blocks = sweepOrder({ ...options, prompts, depths, runs, seed });
        assert.equal(
          blocks.map(({ run }) => run),
          blocks.map((_, i) => Math.floor(i / prompts)),
        );
        assert.is(new Set(blocks.map(({ run, prompt }) => `${run}/${prompt}`)).size, prompts * runs);
        for (const { run, prompt, jobs } of blocks) {
          assert.equal(
            jobs.map(({ arm }) => arm.depth).toSorted((a, b) => a - b),
            [0, ...depths.toSorted((a, b) => a - b)],
          );
          for (const job of jobs) {
            assert.equal([job.run, job.prompt, job.seed], [run, prompt, seed + prompt + 1000 * run]);
          }
        }
      },
    ),
  );
});

test('the same seed draws the same order, another seed another one', () => {
  const order = (seed: number): string =>
    sweepOrder({ ...options, seed })
      .map(({ prompt, jobs }) => [prompt, ...jobs.map(({ arm }) => arm.name)].join())
      .join(';');
  assert.is(order(7), order(7));
  assert.is.not(order(7), order(8));
});

test('prompts come in another order in each repeat', () => {
  const blocks = sweepOrder(options);
  const orders = [0, 1, 2].map((run) =>
    blocks
      .filter((block) => block.run === run)
      .map(({ prompt }) => prompt)
      .join(),
  );
  assert.is(new Set(orders).size, 3);
});

test('over many blocks every arm stands everywhere about equally often', () => {
  const blocks = sweepOrder({ ...options, runs: 100 });
  const firsts = blocks.map(({ jobs }) => jobs[0]!.arm.name);
  for (const name of ['ar', 'mtp-d1', 'mtp-d5']) {
    const share = firsts.filter((first) => first === name).length / blocks.length;
    assert.ok(share > 0.12 && share < 0.22, `${name} begins in ${share}`);
  }
});

test.run();
