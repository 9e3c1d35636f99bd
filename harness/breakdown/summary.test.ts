import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { breakdownRow } from './rows.ts';
import { summariseBreakdown } from './summary.ts';

const test = suite('breakdown summary');

const read = (threads: number, index: number, bytes_per_s: number) =>
  breakdownRow('read', { threads, depth: null }, { index, bytes_per_s, step_bytes: 1000, draft_bytes: 100 });

/** A cycle of so many microseconds: 5 less on the engine thread, half of it in two kernels. */
const engine = (threads: number, depth: number, index: number, us: number) =>
  breakdownRow(
    'engine',
    { threads, depth },
    {
      index,
      prompt_tokens: 7,
      wall_ns: us * 1e3,
      engine_ns: (us - 5) * 1e3,
      commit_ns: 0,
      draft_ns: 0,
      verify_ns: us * 500,
      candidates_ns: 0,
      kernels: index === 0 ? ['linear'] : ['linear', 'gated_delta'],
      kernel_ns: index === 0 ? [us * 500] : [us * 250, us * 250],
      kernel_calls: index === 0 ? [2] : [2, 1],
    },
  );

const decision = (threads: number, depth: number, index: number, us: number) =>
  breakdownRow('decision', { threads, depth }, { index, prompt_tokens: 7, decision_ns: us * 1e3 });

const rows = [
  ...[2e9, 4e9, 1e9].map((rate, i) => read(1, i, rate)),
  ...[100, 100, 1000].map((us, i) => engine(1, 3, i, us)),
  ...[10, 30, 20].map((us, i) => decision(1, 3, i, us)),
  read(2, 0, 8e9),
  engine(2, 0, 0, 60),
  decision(2, 0, 0, 4),
];

test('medians over the cycles of each setting, the bound from the best pass of its threads', () => {
  const { prompt_tokens, step_bytes, draft_bytes, rows: settings } = summariseBreakdown(rows);
  assert.equal([prompt_tokens, step_bytes, draft_bytes], [7, 1000, 100]);
  assert.equal(
    settings.map(({ threads, depth, cycle_us }) => [threads, depth, cycle_us]),
    [
      [1, 3, 120],
      [2, 0, 64],
    ],
  );
  const [one, two] = settings;
  assert.equal([one!.us.hop, one!.us.typescript, one!.us.engine_overhead], [5, 20, 45]);
  assert.is(one!.read_bytes_per_s, 4e9);
  assert.ok(Math.abs(one!.bound_us - (1300 / 4e9) * 1e6) < 1e-9);
  assert.is(two!.read_bytes_per_s, 8e9);
});

test('a kernel that some cycles did not call counts as nothing there', () => {
  const [one] = summariseBreakdown(rows).rows;
  const { us, calls } = one!.kernels.find(({ name }) => name === 'gated_delta')!;
  assert.ok(Math.abs(us - (25 + 250) / 3) < 1e-9);
  assert.is(calls, 2 / 3);
});

test.run();
