import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { MeasuredGeneration } from '../bench/measure.ts';
import { bestMeasured, startOf } from './best.ts';
import { fitDepths } from './fit.ts';

const test = suite('tuning fits');
const depths = [0, 1, 2];

/** One generation at `depth`: the prompt's token, then a cycle for each number of accepted drafts, of `ms` each. */
function generation(depth: number, accepted: readonly number[], ms: readonly number[]): MeasuredGeneration {
  let atMs = 5;
  const times = { commit: 0, draft: 0, verify: 0, candidates: 0, total: 0 };
  const first = { tokens: [1], cycle: null, atMs, logitHash: '' };
  const steps = accepted.map((count, i) => {
    atMs += ms[i]!;
    const tokens = Array.from({ length: count + 1 }, () => 1);
    const kind = count === depth ? ('bonus' as const) : ('correction' as const);
    return {
      tokens,
      cycle: { drafted: depth, accepted: count, kind, truncated: 0, times, wall: 1e6 * ms[i]! },
      atMs,
      logitHash: '',
    };
  });
  const job = { run: 0, prompt: 0, arm: { name: `d${depth}`, depth }, acceptance: 'coupled' as const, seed: 0 };
  return { job, promptTokens: 3, beginMs: 0, steps: [first, ...steps] };
}

const constant = (length: number, value: number): number[] => Array.from({ length }, () => value);

test('cost, acceptance and the recommendation of a machine that is known', () => {
  // Position 1: 3 of 4 at D1, 3 of 4 at D2. Position 2, after an accepted one: 2 of 3.
  const fit = fitDepths(
    [
      generation(0, constant(6, 0), constant(6, 10)),
      generation(1, [1, 1, 0, 1], constant(4, 12)),
      generation(2, [2, 2, 1, 0], constant(4, 14)),
    ],
    depths,
  );
  assert.equal(fit.acceptance, [6 / 8, 2 / 3]);
  assert.equal(
    fit.depths.map(({ cycle_ms }) => cycle_ms),
    [10, 12, 14],
  );
  assert.ok(Math.abs(fit.line.plain_ms - 10) < 1e-9 && Math.abs(fit.line.draft_ms - 2) < 1e-9);
  assert.ok(Math.abs(fit.depths[2]!.predicted_tok_s - (1000 * (1 + 0.75 + 0.5)) / 14) < 1e-9);
  assert.ok(Math.abs(fit.depths[1]!.tok_s - (1000 * 7) / 48) < 1e-9);
  assert.is(fit.depth, 2);
});

test('the first cycle of a generation and the disturbed tenth do not count as cost', () => {
  const walls = [900, ...constant(19, 10), 500];
  const fit = fitDepths([generation(0, constant(21, 0), walls), generation(1, [0, 0], [900, 12])], [0, 1]);
  assert.is(fit.depths[0]!.cycle_ms, 10);
  assert.is(fit.depths[1]!.cycle_ms, 12);
  assert.is(fit.depth, 0, 'nothing is accepted: plain decoding');
});

test('the best fixed depth is the one that was measured fastest, and auto starts tuned or not', () => {
  const rate = (depth: number, tok_s: number) => ({
    depth,
    cycles: 9,
    cycle_ms: 10 + depth,
    tok_s,
    predicted_tok_s: 1,
  });
  const document = { depth: 1, depths: [rate(0, 100), rate(1, 120), rate(2, 130)], acceptance: [0.8, 0.7] };
  assert.is(bestMeasured(document), 2);
  assert.equal(startOf(document, false), { depth: 1, cycle_ms: [10, 11, 12], acceptance: [0.8, 0.7] });
  assert.equal(startOf(document, true), { depth: 3, cycle_ms: null, acceptance: null });
});

test.run();
