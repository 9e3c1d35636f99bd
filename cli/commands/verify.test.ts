import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runExperiment } from '../../harness/experiments/run.ts';
import { faultyAddon } from '../../harness/exactness/mutations/suite.ts';
import { almostVerified, cannedVerification, specFor } from '../../harness/verify/testing/runs.ts';
import { addonPath } from '../../runtime/engine/addon.ts';
import { embeddedModel, loadModel } from '../../runtime/index.ts';
import { openModelFolder } from '../../runtime/model/folder.ts';
import { aContract, originals } from '../../runtime/model/testing/contracts.ts';
import { readContract } from '../../runtime/model/tiers.ts';
import { numericsVersion } from '../../runtime/numerics.ts';
import { packageRoot } from '../../runtime/package.ts';
import { skip } from '../../scripts/testing/skip.ts';

const test = suite<{ folder: string; model: string }>('mtplx verify');

test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'mtplx-verify-cli-'));
  context.model = join(context.folder, 'model');
  cpSync(embeddedModel, context.model, { recursive: true });
  rmSync(join(context.model, 'mtplx_runtime.json'), { force: true });
});
test.after.each(({ folder }) => rmSync(folder, { recursive: true }));

interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
}

function mtplx(cwd: string, ...args: string[]): Ended {
  return mtplxWith({}, cwd, ...args);
}

function mtplxWith(variables: Record<string, string>, cwd: string, ...args: string[]): Ended {
  const env = { ...process.env, MTPLX_DEV: '1', ...variables };
  const bin = join(packageRoot, 'bin/mtplx.js');
  return spawnSync(process.execPath, [bin, ...args], { cwd, env, encoding: 'utf8', timeout: 300_000 });
}

test('--list shows every gate with its claim and its control', ({ folder }) => {
  const { status, stdout, stderr } = mtplx(folder, 'verify', '--list', '--json');
  assert.is(status, 0, stderr);
  const { gates } = JSON.parse(stdout) as { gates: { name: string; claim: string; control: string }[] };
  for (const name of [
    'verify-vs-ar',
    'commit',
    'prefill',
    'restore',
    'identity',
    'distribution',
    'sampler-oracle',
    'head',
    'reference',
  ])
    assert.ok(
      gates.some((gate) => gate.name === name && gate.claim && gate.control),
      name,
    );
});

test('no model, or one without MTP head: exit 2; a place that cannot be written: known before anything runs', ({
  folder,
  model,
}) => {
  rmSync(join(model, 'mtp.safetensors'));
  const headless = mtplx(folder, 'verify', model, '--quick');
  assert.is(headless.status, 2, headless.stderr);
  assert.match(headless.stderr, /MTPLX_E_NO_MTP/);
  const nowhere = mtplx(folder, 'verify', join(folder, 'nowhere'));
  assert.is(nowhere.status, 2, nowhere.stderr);
  assert.match(nowhere.stderr, /MTPLX_E_MODEL_NOT_FOUND/);
  const unwritable = mtplx(folder, 'verify', '--quick', '--out', join(folder, 'none', 'contract.json'));
  assert.is(unwritable.status, 1);
  assert.match(unwritable.stderr, /MTPLX_E_UNWRITABLE/);
  assert.equal(readdirSync(folder), ['model']);
});

test('a failed gate: the contract is written as a failed one, exit 3, and run refuses the model', async ({
  folder,
  model,
}) => {
  const wrong = (key: string) => key === 'commit/M 4';
  const run = await runExperiment(cannedVerification(wrong), specFor('quick', 5), { parent: folder });
  const { status, stdout, stderr } = mtplx(folder, 'verify', model, '--resume', run.folder);
  assert.is(status, 3, stderr);
  assert.match(stdout, /^commit +failed/m);
  assert.match(stderr, /Error: gate commit failed: M 4: x\./);
  const written = await readContract(model);
  assert.is(written.kind === 'ours' && written.contract.status, 'failed');
  assert.is(mtplx(folder, 'run', '--model', model, '--raw', '-n', '2', '--require-verified', 'x').status, 3);
});

const onFaultyEngine = existsSync(addonPath(faultyAddon)) ? test : skip(test, 'no faulty addon: npm run build:faulty');
for (const [fault, status] of [
  ['rollback-short', 3],
  ['', 0],
] as const)
  onFaultyEngine(
    `an engine with the fault "${fault}": exit ${status}, and every later run reads what it proved`,
    async ({ folder, model }: { folder: string; model: string }) => {
      const before = readdirSync(model);
      const loaded = await loadModel(model);
      const left = (key: string) => key === 'commit/M 4' || key.startsWith('commit/control');
      const run = await almostVerified(folder, loaded, left);
      await loaded.dispose();
      const variables = { MTPLX_ADDON_NAME: faultyAddon, MTPLX_FAULT: fault };
      const verified = mtplxWith(variables, folder, 'verify', model, '--resume', run);
      assert.is(verified.status, status, verified.stderr);
      assert.equal(readdirSync(model).toSorted(), [...before, 'mtplx_runtime.json'].toSorted());
      const reading = await readContract(model);
      if (reading.kind !== 'ours') throw new Error(`the contract reads as ${reading.kind}`);
      const failed = reading.contract.gates.filter((gate) => gate.status === 'failed');
      assert.equal(
        [reading.contract.status, failed.map(({ gate }) => gate)],
        status === 0 ? ['verified', []] : ['failed', ['commit']],
      );
      const decode = ['run', '--model', model, '--raw', '-n', '2', 'x'];
      const warned = mtplx(folder, ...decode);
      assert.is(warned.status, 0, warned.stderr);
      const strict = mtplx(folder, ...decode, '--require-verified');
      assert.is(strict.status, status, strict.stderr);
      if (status === 0) return;
      assert.match(verified.stderr, /Error: gate commit failed: M 4: .*numbers, max diff/);
      assert.match(failed[0]!.problem!, /^M 4: .*numbers, max diff/);
      assert.match(warned.stderr, /Warning: not verified: verification failed at commit; mtplx verify/);
      assert.is(strict.stdout, '');
      assert.match(strict.stderr, /verification failed at commit[^]*MTPLX_E_UNVERIFIED/);
    },
  );

test('--check without a contract of ours says what is there', ({ folder, model }) => {
  const missing = mtplx(folder, 'verify', model, '--check');
  assert.is(missing.status, 3, missing.stderr);
  assert.match(missing.stderr, /there is no such file; mtplx verify makes it/);
  writeFileSync(join(model, 'mtplx_runtime.json'), JSON.stringify(originals.optimized));
  assert.match(mtplx(folder, 'verify', model, '--check').stderr, /a contract of the Python original/);
});

test('run warns of an unverified model, --require-verified refuses it, and a contract settles it', async ({
  folder,
  model,
}) => {
  const run = (...args: string[]) => mtplx(folder, 'run', '--model', model, '--raw', '-n', '4', ...args, 'def f(');
  const warned = run();
  assert.is(warned.status, 0, warned.stderr);
  assert.match(warned.stderr, /Warning: not verified: the model has no mtplx_runtime\.json; mtplx verify/);
  const refused = run('--require-verified');
  assert.is(refused.status, 3);
  assert.is(refused.stdout, '');
  assert.match(refused.stderr, /MTPLX_E_UNVERIFIED/);
  const { hash } = await openModelFolder(model);
  const contract = aContract({ model_hash: hash, numerics_version: numericsVersion });
  writeFileSync(join(model, 'mtplx_runtime.json'), JSON.stringify(contract));
  const verified = run('--require-verified');
  assert.is(verified.status, 0, verified.stderr);
  assert.not.match(verified.stderr, /Warning/);
  assert.not.ok(existsSync(join(folder, 'mtplx-runs')));
});

test.run();
