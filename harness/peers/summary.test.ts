import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type CompareRow, serverArm } from './rows.ts';
import { summariseComparison } from './summary.ts';

const test = suite('summary of a comparison');

function row(arm: string, prompt: string, more: Partial<CompareRow> = {}): CompareRow {
  const server = arm === serverArm;
  return {
    run: 0,
    prompt,
    arm,
    depth: server ? null : arm === 'ar' ? 0 : 3,
    seed: 0,
    begin_ms: 0,
    prompt_tokens: 7,
    new_tokens: 101,
    counted: server ? 'server' : 'engine',
    endpoint: server ? 'completions' : null,
    first_ms: 100,
    last_ms: 1100,
    peak_rss_bytes: 1000,
    ...more,
  };
}

function near(found: number, expected: number): void {
  assert.ok(Math.abs(found - expected) < 1e-9, `${found} instead of ${expected}`);
}

test('speeds of both sides and ratios prompt by prompt', () => {
  const { server, arms, peak_rss_bytes } = summariseComparison(
    [
      row(serverArm, 'a'),
      row('mtp-d3', 'a', { last_ms: 600, peak_rss_bytes: 3000 }),
      row('ar', 'a', { last_ms: 1100 }),
      row('mtp-d3', 'b', { last_ms: 350 }),
      row('ar', 'b'),
      row(serverArm, 'b', { new_tokens: 51, last_ms: 1600, peak_rss_bytes: 2000 }),
    ],
    0,
  );
  assert.equal(
    arms.map(({ name }) => name),
    ['ar', 'mtp-d3'],
  );
  near(server.tok_s, 150 / 2.5);
  near(server.whole_tok_s, 152 / 2.7);
  assert.equal([server.ttft_ms, server.new_tokens, server.generations], [100, [51, 101], 2]);
  // Prompt a: 200 against 100 tokens a second, prompt b: 400 against 100 / 3.
  near(arms[1]!.ratio.value, (2 + 12) / 2);
  near(arms[1]!.ratio_of_totals.value, 200 / 0.75 / 60);
  near(arms[1]!.whole_ratio.value, (101 / 0.6 / (101 / 1.1) + 101 / 0.35 / (51 / 1.6)) / 2);
  near(arms[0]!.ratio.value, (1 + 3) / 2);
  assert.ok(arms[1]!.ratio.low >= 2 - 1e-9 && arms[1]!.ratio.high <= 12 + 1e-9);
  assert.equal([server.peak_rss_bytes, peak_rss_bytes], [2000, 3000]);
});

test('what is not known or differs is said', () => {
  const { server } = summariseComparison(
    [
      row('ar', 'a'),
      row(serverArm, 'a', { prompt_tokens: 9, peak_rss_bytes: null }),
      row('ar', 'b'),
      row(serverArm, 'b', { prompt_tokens: null, counted: 'text' }),
    ],
    0,
  );
  assert.equal(server.other_prompts, ['a has 9 tokens there and 7 here']);
  assert.equal([server.peak_rss_bytes, server.counted], [null, 'text']);
});

test.run();
