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
import { type BenchOptions, runBench } from './run.ts';

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
  folder,
};

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
  first = benchSchema.parse(await runBench({ ...smoke, onProgress: ({ done }) => progress.push(done) }));
  assert.equal(
    first.arms.map(({ name }) => name),
    ['ar', 'mtp-d2'],
  );
  // Two warm-ups, then two prompts with two arms, with each rule.
  assert.equal(progress, [...Array(10).keys()]);
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
  assert.is(metadata['suite_sha256'], first.suite_sha256);
  assert.is(metadata['model_hash'], first.model.hash);
  assert.equal(JSON.parse(metadata['machine']!), first.machine);
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

onEngine('an abort in the middle ends with the reason and leaves no file', async () => {
  const before = readdirSync(folder);
  const controller = new AbortController();
  const reason = new MtplxError('MTPLX_E_ABORTED', { reason: 'SIGINT' });
  const running = runBench({
    ...smoke,
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
  assert.equal(readdirSync(folder), before);
});

test.run();
