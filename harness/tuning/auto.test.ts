import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { addonPath } from '../../runtime/engine/addon.ts';
import { embeddedModel } from '../../runtime/index.ts';
import { skip } from '../../scripts/testing/skip.ts';
import type { GenerationRow } from '../bench/rows.ts';
import { findRun } from '../experiments/folder.ts';
import { replayRun } from '../experiments/replay.ts';
import { runExperiment } from '../experiments/run.ts';
import { auto, autoSchema, autoSpec, type AutoSpec } from './auto.ts';

const test = suite('bench auto');
const onEngine = existsSync(addonPath()) ? test : skip(test, 'the addon is not built: npm run build:native');
const folder = mkdtempSync(join(tmpdir(), 'mtplx-auto-'));
test.after(() => rmSync(folder, { recursive: true }));

const start = { depth: 2, cycle_ms: null, acceptance: null };
const options = {
  suite: 'smoke-code-16',
  model: embeddedModel,
  fixed: 2,
  start,
  runs: 3,
  acceptance: 'coupled',
} as const;
const spec: AutoSpec = await autoSpec(options);

/** Rows of all units at these tokens a second by arm, with texts of ten tokens. */
function rowsAt(
  speeds: Record<string, number>,
  text: (arm: string) => number = () => 7,
): (GenerationRow & { unit: string })[] {
  return auto.units(spec).flatMap(({ key }) => {
    const [, run, prompt, arm] = key.split('/') as [string, string, string, string];
    const row = (step: number): GenerationRow & { unit: string } => ({
      unit: key,
      acceptance: 'coupled',
      run: Number(run),
      prompt,
      prompt_tokens: 5,
      arm,
      depth: arm === 'ar' ? 0 : arm === 'auto' ? 5 : 2,
      seed: 0,
      begin_ms: 0,
      step,
      at_ms: 5 + (1000 * step) / speeds[arm]!,
      tokens: [step === 3 ? text(arm) : 7],
      logit_hash: '',
      kind: step === 0 ? 'first' : 'bonus',
      drafted: step === 0 ? null : arm === 'auto' ? 1 : 0,
      accepted: step === 0 ? null : 0,
      truncated: step === 0 ? null : 0,
      commit_ns: 0,
      draft_ns: 0,
      verify_ns: 0,
      candidates_ns: 0,
      engine_ns: 0,
      wall_ns: 1,
    });
    return Array.from({ length: 10 }, (_, step) => row(step));
  });
}

const summary = (rows: (GenerationRow & { unit: string })[]) =>
  auto.summarise(spec, rows, { description: {} as never, arrowFile: 'x' });

test('every arm decodes every prompt in every run, in an order that the seed decides', () => {
  const keys = auto.units(spec).map(({ key }) => key);
  assert.is(keys.length, 3 * 2 * 3);
  assert.is(new Set(keys).size, keys.length);
  assert.equal(
    auto.units(spec).map(({ key }) => key),
    keys,
  );
  const firsts = new Set(keys.filter((_, i) => i % 3 === 0).map((key) => key.split('/').at(-1)));
  assert.ok(firsts.size > 1, 'the same arm always begins');
});

test('it passes when it keeps up with both, and fails at 4 % below either', () => {
  const passed = (speeds: Record<string, number>) => summary(rowsAt(speeds)).passed;
  assert.is(passed({ ar: 100, 'mtp-d2': 150, auto: 149 }), true);
  assert.is(passed({ ar: 100, 'mtp-d2': 150, auto: 144 }), false);
  assert.is(passed({ ar: 160, 'mtp-d2': 150, auto: 150 }), false);
  const { against, arms, cycles_at_depth } = summary(rowsAt({ ar: 100, 'mtp-d2': 150, auto: 120 }));
  assert.equal(
    against.map(({ arm, ratio }) => [arm, Math.round(100 * ratio)]),
    [
      ['ar', 120],
      ['mtp-d2', 80],
    ],
  );
  assert.equal(
    arms.map(({ tok_s }) => Math.round(tok_s)),
    [100, 150, 120],
  );
  assert.equal(cycles_at_depth, [0, 3 * 2 * 9]);
});

test('texts that differ cannot be overlooked', () => {
  const speeds = { ar: 100, 'mtp-d2': 150, auto: 150 };
  assert.is(summary(rowsAt(speeds)).first_difference, null);
  assert.match(summary(rowsAt(speeds, (arm) => (arm === 'auto' ? 8 : 7))).first_difference!, /auto/);
});

onEngine('runs on the embedded model: coupled texts are the same at every depth that it chose', async () => {
  const { result, rows } = await runExperiment(auto, { ...spec, runs: 1, threads: 1 }, { parent: folder });
  const document = autoSchema.parse(result);
  assert.is(document.first_difference, null);
  assert.is(
    document.cycles_at_depth.reduce((a, b) => a + b),
    document.arms.find(({ name }) => name === 'auto')!.cycles,
  );
  assert.is(new Set(rows.map(({ arm }) => arm)).size, 3);
});

onEngine('a replay holds all arms to their rows but the automatic one, whose depth follows the clock', async () => {
  const small: AutoSpec = { ...spec, runs: 1 };
  const { folder: recorded } = await runExperiment(auto, small, { parent: folder, label: 'recorded' });
  const { replay, document } = await replayRun(auto, await findRun(recorded), { parent: folder });
  assert.is(document.verdict, 'identical');
  const fixed = replay.rows.filter(({ arm }) => arm !== 'auto');
  assert.ok(fixed.length < replay.rows.length);
  assert.is(document.tokens!.rows, fixed.length);
});

test.run();
