import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { addonPath } from '../../runtime/engine/addon.ts';
import { embeddedModel, MtplxError } from '../../runtime/index.ts';
import { skip } from '../../scripts/testing/skip.ts';
import { readRecord } from '../record.ts';
import { armsOf } from './arms.ts';
import { benchSchema, type BenchDocument } from './document.ts';
import type { RunDescription } from '../experiments/description.ts';
import { findRun } from '../experiments/folder.ts';
import { resumeExperiment, runExperiment, type RunOptions } from '../experiments/run.ts';
import { bench, type BenchOptions, type BenchSpec, benchSpec } from './experiment.ts';

const test = suite('bench run');
const onEngine = existsSync(addonPath()) ? test : skip(test, 'the addon is not built: npm run build:native');
const folder = mkdtempSync(join(tmpdir(), 'mtplx-bench-'));
test.after(() => rmSync(folder, { recursive: true }));

const smoke: BenchOptions = {
  suite: 'smoke-code-16',
  model: embeddedModel,
  arms: armsOf([2]),
  runs: 1,
  seed: 3,
};

async function runBench(options: BenchOptions, run: RunOptions = {}): Promise<BenchDocument> {
  const { result } = await runExperiment(bench, await benchSpec(options), { parent: folder, ...run });
  return result;
}

/** Tokens of every generation in the record, by rule, arm, prompt and run. */
async function tokensIn(file: string): Promise<Map<string, number[]>> {
  const texts = new Map<string, number[]>();
  for (const row of (await readRecord(file)).rows) {
    const key = [row['acceptance'], row['arm'], row['prompt'], row['run']].join();
    texts.set(key, [...(texts.get(key) ?? []), ...(row['tokens'] as number[])]);
  }
  return texts;
}

let first: BenchDocument;

onEngine('measures the smoke suite on the embedded model', async () => {
  const progress: number[] = [];
  const texts: string[] = [];
  const onProgress: RunOptions['onProgress'] = ({ done, text }) => {
    progress.push(done);
    texts.push(text);
  };
  first = benchSchema.parse(await runBench(smoke, { onProgress }));
  assert.equal(
    first.arms.map(({ name }) => name),
    ['ar', 'mtp-d2'],
  );
  // Load and two warm-ups, then two prompts with two arms, with each rule.
  assert.equal(texts.slice(0, 4), ['load the model', 'warm-up, ar', 'warm-up, mtp-d2', 'run 1, py-sum, ar']);
  assert.equal(progress, [0, 0, 0, ...Array(8).keys()]);
  for (const arm of first.arms) {
    assert.is(arm.emitted, 32);
    assert.is(arm.emitted, arm.first + arm.accepted + arm.corrections + arm.bonuses - arm.truncated);
    assert.ok(arm.tok_s > 0 && arm.ttft_ms > 0 && arm.verify_ms > 0);
  }
  assert.ok(first.arms[1]!.draft_ms > 0);
  assert.is(first.coupled?.same_text, true);
  assert.is(first.peak_rss_bytes > first.model.weight_bytes, true);
});

onEngine('the record holds the same generations, and says where they come from', async () => {
  const texts = await tokensIn(first.arrow_file);
  assert.is(texts.size, 8);
  assert.ok([...texts.values()].every(({ length }) => length === 16));
  const { metadata, rows } = await readRecord(first.arrow_file);
  const description = JSON.parse(metadata['description']!) as RunDescription;
  assert.is((description.spec as BenchSpec).suite.sha256, first.suite_sha256);
  assert.is(description.model?.hash, first.model.hash);
  assert.equal(description.machine, first.machine);
  assert.equal(JSON.parse(metadata['result']!), first);
  for (const arm of first.arms) {
    const own = rows.filter((row) => row['arm'] === arm.name && row['acceptance'] === first.acceptance);
    const total = (column: string): number => own.reduce((sum, row) => sum + Number(row[column] ?? 0), 0);
    assert.is(total('drafted'), arm.drafted);
    const cycles = own.filter(({ kind }) => kind !== 'first');
    assert.is(cycles.length, arm.cycles);
    assert.is(own.length - cycles.length, arm.first);
    const lengths = own.map(({ tokens }) => (tokens as number[]).length);
    assert.is(
      lengths.reduce((a, b) => a + b),
      arm.emitted,
    );
    // A step of the record emits what its rule accepted and one more, less what an end cut off.
    assert.is(total('accepted') + arm.cycles - total('truncated') + arm.first, arm.emitted);
  }
});

onEngine('the same seed gives the same tokens, another seed others', async () => {
  const expected = await tokensIn(first.arrow_file);
  const again = await runBench(smoke);
  assert.equal([...(await tokensIn(again.arrow_file))], [...expected]);
  const other = await runBench({ ...smoke, seed: 4, arms: armsOf([]) });
  const key = 'leviathan,ar,py-sum,0';
  assert.not.equal((await tokensIn(other.arrow_file)).get(key), expected.get(key));
  assert.is(other.mean_speedup_vs_ar, null);
});

onEngine('a run that was stopped in the middle goes on to the same tokens and hashes', async () => {
  const controller = new AbortController();
  const reason = new MtplxError('MTPLX_E_ABORTED', { reason: 'SIGINT' });
  const parent = join(folder, 'stopped');
  const running = runBench(smoke, {
    parent,
    signal: controller.signal,
    onProgress: ({ done }) => done === 4 && controller.abort(reason),
  });
  assert.is(
    await running.then(
      () => null,
      (error: unknown) => error,
    ),
    reason,
  );
  const [name] = readdirSync(parent);
  const done: number[] = [];
  const { result } = await resumeExperiment(bench, await findRun(name!, parent), {
    onProgress: (progress) => done.push(progress.done),
  });
  assert.equal(done, [4, 4, 4, 4, 5, 6, 7]);
  assert.equal([...(await tokensIn(result.arrow_file))], [...(await tokensIn(first.arrow_file))]);
  const hashes = async (file: string): Promise<unknown[]> =>
    (await readRecord(file)).rows.map(({ logit_hash }) => logit_hash);
  assert.equal(await hashes(result.arrow_file), await hashes(first.arrow_file));
});

test.run();
