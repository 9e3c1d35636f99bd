import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { benchSchema } from '../../../harness/bench/document.ts';
import { readRecord } from '../../../harness/record.ts';
import { addonPath } from '../../../runtime/engine/addon.ts';
import { packageRoot } from '../../../runtime/package.ts';
import { skip } from '../../../scripts/testing/skip.ts';

const test = suite<{ folder: string }>('mtplx bench run');
const onEngine = existsSync(addonPath()) ? test : skip(test, 'the addon is not built: npm run build:native');
const bin = [join(packageRoot, 'bin/mtplx.js'), 'bench', 'run'];
const env = { ...process.env, MTPLX_DEV: '1' };
const smoke = ['--suite', 'smoke-code-16', '--runs', '1'];

test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'mtplx-bench-cli-'));
});
test.after.each(({ folder }) => rmSync(folder, { recursive: true }));

function run(cwd: string, ...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [...bin, ...args], { cwd, env, encoding: 'utf8', timeout: 120_000 });
}

onEngine('--json prints one document, and the record under ./mtplx-runs tells the same', async ({ folder }) => {
  const { status, stdout, stderr } = run(folder, ...smoke, '--depths', 'ar,1', '--threads', '1', '--json');
  assert.is(status, 0, stderr);
  const document = benchSchema.parse(JSON.parse(stdout));
  assert.is(document.engine.threads, 1);
  assert.equal(
    document.arms.map(({ name }) => name),
    ['ar', 'mtp-d1'],
  );
  assert.equal(readdirSync(join(folder, 'mtplx-runs')).length, 1);
  const { metadata, rows } = await readRecord(join(folder, document.arrow_file));
  assert.equal(JSON.parse(metadata['result']!), document);
  const emitted = rows
    .filter(({ arm, acceptance }) => arm === 'mtp-d1' && acceptance === 'leviathan')
    .reduce((sum, { tokens }) => sum + (tokens as number[]).length, 0);
  assert.is(emitted, document.arms[1]!.emitted);
});

onEngine('a reader gets tables on standard output', ({ folder }) => {
  const { status, stdout, stderr } = run(folder, ...smoke, '--acceptance', 'coupled');
  assert.is(status, 0, stderr);
  for (const part of [
    /^mtp-d3 /m,
    /mean_speedup_vs_ar \d/,
    /every arm emitted the same tokens/,
    /verify \/ step/,
    /peak memory \d/,
  ])
    assert.match(stdout, part);
  assert.match(stderr, 'smoke-code-16 on the embedded model');
});

const wrong: [name: string, args: string[], code: string][] = [
  ['an unknown suite', ['--suite', 'warm'], 'MTPLX_E_SUITE_UNKNOWN'],
  ['no suite', [], 'MTPLX_E_OPTION'],
  ['depths that are none', ['--suite', 'smoke-code-16', '--depths', 'ar,x'], 'MTPLX_E_OPTION'],
  ['a depth too large', ['--suite', 'smoke-code-16', '--depth', '9'], 'MTPLX_E_OPTION'],
  ['a depth and depths', ['--suite', 'smoke-code-16', '--depth', '3', '--depths', '1'], 'MTPLX_E_OPTION'],
  ['an unknown rule', ['--suite', 'smoke-code-16', '--acceptance', 'greedy'], 'MTPLX_E_OPTION'],
  ['no runs', ['--suite', 'smoke-code-16', '--runs', '0'], 'MTPLX_E_OPTION'],
  ['a folder without a model', ['--suite', 'smoke-code-16', '--model', '.'], 'MTPLX_E_MODEL_NOT_FOUND'],
];
for (const [name, args, code] of wrong) {
  test(`${name} exits with 2 and a code`, ({ folder }) => {
    const { status, stdout } = run(folder, ...args, '--json');
    assert.is(status, 2);
    assert.is((JSON.parse(stdout) as { error: { code: string } }).error.code, code);
    const runs = join(folder, 'mtplx-runs');
    assert.equal(existsSync(runs) ? readdirSync(runs) : [], []);
  });
}

onEngine('a backend without kernels is refused by name', ({ folder }) => {
  const { status, stderr } = run(folder, ...smoke, '--backend', 'metal');
  assert.is(status, 4);
  assert.match(stderr, 'metal');
});

test('a record that cannot be written is found before anything is measured', ({ folder }) => {
  writeFileSync(join(folder, 'mtplx-runs'), 'in the way');
  const { status, stdout, stderr } = run(folder, ...smoke);
  assert.is(status, 1);
  assert.is(stdout, '');
  assert.match(stderr, 'MTPLX_E_UNWRITABLE');
});

onEngine('Ctrl-C exits with 130 and says how to go on', async ({ folder }: { folder: string }) => {
  const child = spawn(process.execPath, [...bin, '--suite', 'smoke-code-16', '--runs', '100'], {
    cwd: folder,
    env,
    timeout: 120_000,
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const runs = join(folder, 'mtplx-runs');
  const finished = (): boolean =>
    existsSync(runs) && readdirSync(runs).some((run) => journalLines(join(runs, run, 'journal.jsonl')) > 2);
  const waiting = setInterval(() => {
    if (!finished()) return;
    clearInterval(waiting);
    child.kill('SIGINT');
  }, 20);
  const status = await new Promise<number | null>((resolve) => child.on('close', resolve));
  clearInterval(waiting);
  assert.is(status, 130, stderr);
  assert.is(stdout, '');
  const [, done, name] = /Stopped after (\d+) of 404 parts\. To go on: mtplx runs resume (\S+)/.exec(stderr) ?? [];
  assert.ok(Number(done) >= 2, stderr);
  assert.equal(readdirSync(join(folder, name!)).toSorted(), ['journal.jsonl', 'spec.json']);
});

function journalLines(file: string): number {
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').length - 1 : 0;
}

test.run();
