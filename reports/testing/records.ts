import type { ReportRecord } from '../record.ts';

/** Records with known numbers, for tests: small generations, a sustained run, differences of logits, a breakdown of cycles. */

type Row = ReportRecord['rows'][number];

export function description(change: Partial<ReportRecord['description']> = {}): ReportRecord['description'] {
  return {
    experiment: 'bench',
    spec_version: 1,
    spec: {},
    mtplx: '0.1.0',
    numerics_version: 1,
    commit: 'a'.repeat(40),
    dirty: false,
    machine: {
      cpu: 'A CPU of 3 GHz',
      cores: 4,
      usable_cores: 2,
      memory_bytes: 2 ** 33,
      os: 'linux 6',
      arch: 'x64',
      governor: null,
      load_average: [0, 0, 0],
      node: 'v24',
      temperature_sensors: [],
    },
    engine: { backend: 'cpu', mlx: '0.32', isa: 'avx2', isas: ['scalar', 'avx2'], threads: 2, compiler: 'g++' },
    model: { name: 'tiny', hash: 'b'.repeat(64), family: 'qwen3_5', weight_bytes: 1 },
    started: '2026-01-01T00:00:00.000Z',
    ...change,
  };
}

export function record(
  rows: Row[],
  name = '2026-01-01T00-00-00-bench',
  change: Partial<ReportRecord['description']> = {},
): ReportRecord {
  return { name, description: description(change), result: null, rows };
}

/**
 * A generation of `cycles` cycles of 10 ms at depth 0; a draft adds 2 ms. `accepted[i]` drafts are accepted in
 * cycle i, then again from the first.
 */
export function generation(
  depth: number,
  accepted: readonly number[],
  more: Row = {},
  cycles = accepted.length,
): Row[] {
  const shared = { acceptance: 'leviathan', arm: depth === 0 ? 'ar' : `mtp-d${depth}`, depth, ...more };
  const none = { drafted: null, accepted: null, commit_ns: null, draft_ns: null, verify_ns: null };
  const first = { ...none, candidates_ns: null, engine_ns: null, wall_ns: null };
  const rows: Row[] = [{ ...shared, step: 0, at_ms: 5, tokens: [0], kind: 'first', ...first }];
  const ms = 10 + 2 * depth;
  for (let i = 0; i < cycles; i++) {
    const kept = accepted[i % accepted.length]!;
    rows.push({
      ...shared,
      step: i + 1,
      at_ms: 5 + ms * (i + 1),
      tokens: Array.from({ length: kept + 1 }, (_, t) => t),
      kind: kept === depth ? 'bonus' : 'correction',
      drafted: depth,
      accepted: kept,
      commit_ns: 1e6,
      draft_ns: 1.5e6 * depth,
      verify_ns: 6e6 + 0.5e6 * depth,
      candidates_ns: 0.5e6,
      engine_ns: (ms - 0.5) * 1e6,
      wall_ns: ms * 1e6,
    });
  }
  return rows;
}

/** Plain decoding and depths 1 to 3, in which all, half and a quarter of the drafts fare well. */
export function benchRows(acceptance = 'leviathan'): Row[] {
  return [
    ...generation(0, [0], { acceptance }, 8),
    ...generation(1, [1, 1, 0, 1], { acceptance }),
    ...generation(2, [2, 1, 0, 2], { acceptance }),
    ...generation(3, [3, 2, 0, 3], { acceptance }),
  ];
}

/** Two arms in turn, `seconds` each with a cool-down of 10 s between them. */
export function thermalRows(seconds: number, temperature: ((second: number) => number) | null): Row[] {
  const leg = (number: number, arm: string, speed: number): Row[] =>
    Array.from({ length: seconds + 10 }, (_, second) => {
      const at = number * (seconds + 10) + second;
      const running = second < seconds;
      return {
        leg: number,
        arm,
        phase: running ? 'run' : 'cool-down',
        at_s: at,
        emitted: running ? Math.round(speed - 10 * (second / seconds) + (second % 5)) : 0,
        temperature_c: temperature?.(second) ?? null,
      };
    });
  return [...leg(0, 'ar', 100), ...leg(1, 'mtp-d3', 180)];
}

/** Counts as harness/experiments/difference-bins.ts makes them, of a gate that compares with another implementation. */
export function differenceRows(): Row[] {
  const bins = Array.from({ length: 33 }, (_, i) =>
    i === 0 ? 900 : i >= 8 && i <= 20 ? 4 ** (6 - Math.abs(i - 14)) : 0,
  );
  const equal = bins.map((_, i) => (i === 0 ? 5000 : 0));
  return [
    { unit: 'reference/prompt-1', logit_diff_bins: bins },
    { unit: 'reference/prompt-2', logit_diff_bins: bins },
    { unit: 'verify-vs-ar/position-64', logit_diff_bins: equal },
  ];
}

/** The result of a breakdown: depths 0 and 2, with one thread and with two. */
export function breakdownResult(): object {
  const share = { matmul: 0.4, gdn: 0.2, attention: 0.1, other_kernels: 0.1, engine_overhead: 0.1 };
  const rows = [1, 2].flatMap((threads) =>
    [0, 2].map((depth) => ({ threads, depth, share: { ...share, hop: 0.06, typescript: 0.04 } })),
  );
  return { rows };
}
