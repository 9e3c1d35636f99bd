import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { tuneSchema } from '../../harness/tuning/tune.ts';
import { addonPath } from '../../runtime/engine/addon.ts';
import { packageRoot } from '../../runtime/package.ts';
import { readProfile } from '../../runtime/settings/profile.ts';
import { skip } from '../../scripts/testing/skip.ts';
import type { TuneResult } from './tune.ts';

const test = suite<{ folder: string; home: string }>('mtplx tune');
const onEngine = existsSync(addonPath()) ? test : skip(test, 'the addon is not built: npm run build:native');
const smoke = ['tune', '--suite', 'smoke-code-16', '--prompts', '1'];

test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'mtplx-tune-'));
  context.home = join(context.folder, 'home');
});
test.after.each(({ folder }) => rmSync(folder, { recursive: true }));

function mtplx(folder: string, ...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const env = { ...process.env, MTPLX_DEV: '1', MTPLX_HOME: join(folder, 'home') };
  const bin = join(packageRoot, 'bin/mtplx.js');
  return spawnSync(process.execPath, [bin, ...args], { cwd: folder, env, encoding: 'utf8', timeout: 300_000 });
}

onEngine('measures, says what it wrote and where, and run begins with it', async ({ folder, home }) => {
  const { status, stdout, stderr } = mtplx(folder, ...smoke, '--threads', '1', '--json');
  assert.is(status, 0, stderr);
  const { profile, ...document } = JSON.parse(stdout) as TuneResult;
  assert.is(tuneSchema.parse(document).depths.length, 6);
  assert.is(profile!.file, join(home, 'profile.json'));
  assert.equal((await readProfile(profile!.file)).tunings, [profile!.tuning]);
  assert.is(profile!.tuning.depth, document.depth);
  const run = mtplx(folder, 'run', '--raw', '--threads', '1', '-n', '8', '--seed', '1', '--stats', 'def f(');
  assert.match(run.stderr, /Depth auto \(tuned here\)/);
  const other = mtplx(folder, 'run', '--raw', '--threads', '2', '-n', '8', '--seed', '1', '--stats', 'def f(');
  assert.match(other.stderr, /Depth auto \(the model's contract\)/);
});

onEngine('--dry-run writes nothing; --from takes an earlier run', async ({ folder, home }) => {
  const dry = mtplx(folder, ...smoke, '--dry-run');
  assert.is(dry.status, 0, dry.stderr);
  assert.match(dry.stdout, /Recommended: /);
  assert.not(existsSync(home));
  const [name] = readdirSync(join(folder, 'mtplx-runs'));
  const again = mtplx(folder, 'tune', '--from', name!);
  assert.is(again.status, 0, again.stderr);
  assert.match(again.stdout, `Written to ${join(home, 'profile.json')}: depth `);
  assert.equal(readdirSync(join(folder, 'mtplx-runs')), [name]);
});

test('a broken profile is found before anything is measured, and stays as it is', ({ folder }) => {
  const file = join(folder, 'profile.json');
  writeFileSync(file, '{"profile_version": 9}');
  const env = { ...process.env, MTPLX_DEV: '1', MTPLX_HOME: folder };
  const { status, stderr } = spawnSync(process.execPath, [join(packageRoot, 'bin/mtplx.js'), ...smoke], {
    cwd: folder,
    env,
    encoding: 'utf8',
  });
  assert.is(status, 3, stderr);
  assert.match(stderr, 'MTPLX_E_PROFILE_BROKEN');
  assert.is(readFileSync(file, 'utf8'), '{"profile_version": 9}');
  assert.not(existsSync(join(folder, 'mtplx-runs')));
});

test('a suite or a model that is not there exits with 2', ({ folder }) => {
  assert.is(mtplx(folder, 'tune', '--suite', 'none').status, 2);
  assert.is(mtplx(folder, 'tune', '/nowhere').status, 2);
});

test.run();
