import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type ArmResult, type BenchDocument, benchSchema } from '../../harness/bench/document.ts';
import { benchReport } from './bench-report.ts';

const test = suite('bench report');

function arm(depth: number, more: Partial<ArmResult> = {}): ArmResult {
  const comparison = {
    tok_s: 100,
    speedup_vs_ar: 1,
    speedup_of_totals: 1,
    speedup_range: [1, 1] as [number, number],
    accepted_length: 1,
  };
  const counts = {
    cycles: 9,
    emitted: 10,
    first: 1,
    drafted: 0,
    accepted: 0,
    corrections: 0,
    bonuses: 9,
    truncated: 0,
  };
  const ms = { draft_ms: 0, verify_ms: 2, commit_ms: 0, candidates_ms: 0, overhead_ms: 0, outside_ms: 0, cycle_ms: 3 };
  return {
    name: depth === 0 ? 'ar' : `mtp-d${depth}`,
    depth,
    ...comparison,
    ttft_ms: 5,
    projected_speedup: 1,
    acceptance_per_step: [],
    acceptance_conditional: [],
    acceptance_rate: 0,
    ...counts,
    ...ms,
    verify_over_step: 1,
    coupled: null,
    ...more,
  };
}

function documentOf(arms: ArmResult[], more: Partial<BenchDocument> = {}): BenchDocument {
  return benchSchema.parse({
    suite: 'cold',
    spec_version: 1,
    suite_sha256: 'a'.repeat(64),
    prompts: 2,
    max_tokens: 10,
    runs: 1,
    seed: 0,
    sampler: { temperature: 0.6, top_p: 0.95, top_k: 20 },
    draft_sampler: { temperature: 0.7, top_p: 0.95, top_k: 20 },
    acceptance: 'leviathan',
    mtplx: '0.1.0',
    numerics_version: 1,
    commit: null,
    dirty: null,
    started: '2026-01-01T00:00:00.000Z',
    machine: {
      cpu: 'A CPU',
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
    backend: 'cpu',
    engine: { mlx: '0.32', isa: 'avx2', threads: 2, compiler: 'g++' },
    model: { name: 'tiny', hash: 'b'.repeat(64), family: 'qwen3_5', weight_bytes: 1 },
    peak_rss_bytes: 2 ** 20,
    arrow_file: 'mtplx-runs/x.arrow',
    best_arm: 'ar',
    mean_speedup_vs_ar: null,
    speedup_of_totals: null,
    projected_speedup: null,
    coupled: null,
    arms,
    ...more,
  });
}

test('plain decoding alone has no acceptance and nothing to compare', () => {
  const text = benchReport(documentOf([arm(0)]));
  assert.match(text, /^ar +100\.0/m);
  assert.not.match(text, 'accepted length');
  assert.match(text, 'best arm ar\n');
});

test('arms that draft show acceptance by position, by both definitions', () => {
  const drafting = arm(2, {
    acceptance_per_step: [0.8, 0.4],
    acceptance_conditional: [0.8, 0.5],
    accepted_length: 2.2,
  });
  const text = benchReport(
    documentOf([arm(0), drafting], { mean_speedup_vs_ar: 1.5, speedup_of_totals: 1.4, projected_speedup: 1.6 }),
  );
  assert.match(text, /^mtp-d2 +2\.20 +0 +80 \(80\) +40 \(50\)$/m);
  assert.match(text, 'mean_speedup_vs_ar 1.50× (of totals 1.40×, accepted length ÷ cycle cost 1.60×)');
});

test('texts that differ cannot be overlooked', () => {
  const coupled = {
    runs: 1,
    mean_speedup_vs_ar: 1,
    speedup_of_totals: 1,
    same_text: false,
    first_difference: 'prompt 1',
  };
  assert.match(benchReport(documentOf([arm(0), arm(1)], { coupled })), 'TEXTS DIFFER: prompt 1');
});

test('every line fits a wide terminal', () => {
  const deep = arm(8, {
    acceptance_per_step: Array.from({ length: 8 }, () => 1),
    acceptance_conditional: Array.from({ length: 8 }, () => 1),
  });
  for (const line of benchReport(documentOf([arm(0), deep])).split('\n')) assert.ok(line.length <= 160, line);
});

test.run();
