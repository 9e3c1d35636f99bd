import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { MtplxError } from '../errors.ts';
import { embeddedModel } from '../model/embedded.ts';
import { openModelFolder } from '../model/folder.ts';
import { numericsVersion } from '../numerics.ts';
import { contractDepth } from './contract-depth.ts';
import { chooseDepthStart } from './depth-start.ts';
import { settingsFolder } from './home.ts';
import { findTuning, readProfile, saveTuning, thisMachine, type Tuning } from './profile.ts';

const test = suite<{ folder: string; file: string }>('profile');
test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'mtplx-profile-'));
  context.file = join(context.folder, 'deep/er/profile.json');
});
test.after.each(({ folder }) => rmSync(folder, { recursive: true }));

const tuning: Tuning = {
  model_hash: 'a'.repeat(64),
  model_name: 'tiny',
  draft_head: null,
  machine: thisMachine(),
  backend: 'cpu',
  isa: 'avx2',
  threads: 2,
  depth: 4,
  cycle_ms: [10, 12, 14],
  acceptance: [0.8, 0.7],
  tok_s: [100, 150, 160],
  suite: 'cold-long-code-192',
  mtplx: '0.1.0',
  measured: '2026-11-24T12:00:00.000Z',
};

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'nothing thrown',
    (error: unknown) => (error as MtplxError).code,
  );
}

test('a tuning is found by model, head, machine and engine, and by nothing less', async ({ file }) => {
  await saveTuning(tuning, file);
  const profile = await readProfile(file);
  assert.equal(findTuning(profile, tuning), tuning);
  const others: Partial<Tuning>[] = [
    { model_hash: 'b'.repeat(64) },
    { draft_head: 3 },
    { machine: { ...tuning.machine, cores: tuning.machine.cores + 1 } },
    { machine: { ...tuning.machine, cpu: 'another' } },
    { backend: 'metal' },
    { isa: 'scalar' },
    { threads: 1 },
  ];
  for (const other of others) assert.is(findTuning(profile, { ...tuning, ...other }), null, JSON.stringify(other));
});

test('a new tuning replaces the one for the same key and leaves the others', async ({ file }) => {
  await saveTuning(tuning, file);
  await saveTuning({ ...tuning, threads: 1, depth: 2 }, file);
  await saveTuning({ ...tuning, depth: 0 }, file);
  const { tunings } = await readProfile(file);
  assert.equal(
    tunings.map(({ threads, depth }) => [threads, depth]),
    [
      [1, 2],
      [2, 0],
    ],
  );
});

test('nothing but the profile is left behind, and a broken one is never overwritten', async ({ folder, file }) => {
  await saveTuning(tuning, file);
  assert.equal(readdirSync(join(folder, 'deep/er')), ['profile.json']);
  writeFileSync(file, '{"profile_version": 2}');
  assert.is(await codeOf(saveTuning(tuning, file)), 'MTPLX_E_PROFILE_BROKEN');
  assert.is(readFileSync(file, 'utf8'), '{"profile_version": 2}');
});

test('a folder that cannot be made is told', async ({ folder }) => {
  writeFileSync(join(folder, 'in-the-way'), '');
  assert.is(await codeOf(saveTuning(tuning, join(folder, 'in-the-way/profile.json'))), 'MTPLX_E_UNWRITABLE');
});

test('any bytes give a profile or MTPLX_E_PROFILE_BROKEN', async ({ folder }) => {
  const file = join(folder, 'profile.json');
  const whole = JSON.stringify({ profile_version: 1, tunings: [tuning] });
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length - 1), fc.string({ maxLength: 3 }), async (at, text) => {
      writeFileSync(file, whole.slice(0, at) + text + whole.slice(at + text.length));
      const code = await codeOf(readProfile(file));
      assert.ok(['nothing thrown', 'MTPLX_E_PROFILE_BROKEN'].includes(code), code);
    }),
  );
});

test('depth starts as tuned, else as the contract says, else as usual; a broken profile only warns', async ({
  file,
}) => {
  const key = tuning;
  assert.equal(await chooseDepthStart(key, null, file), {
    source: 'default',
    depth: 3,
    cycleMs: null,
    acceptance: null,
    problem: null,
  });
  assert.equal((await chooseDepthStart(key, 1, file)).source, 'contract');
  assert.is((await chooseDepthStart(key, 1, file)).depth, 1);
  await saveTuning(tuning, file);
  const { source, depth, cycleMs, acceptance } = await chooseDepthStart(key, 1, file);
  assert.equal([source, depth, cycleMs, acceptance], ['tuned', 4, tuning.cycle_ms, tuning.acceptance]);
  writeFileSync(file, 'x');
  const broken = await chooseDepthStart(key, null, file);
  assert.is(broken.source, 'default');
  assert.match(broken.problem!, file);
});

test('a contract counts when it was verified, for these weights, this backend and these numerics', async ({
  folder,
}) => {
  const model = { ...(await openModelFolder(embeddedModel)), folder };
  const contract = {
    ...(JSON.parse(readFileSync(join(embeddedModel, 'mtplx_runtime.json'), 'utf8')) as object),
    recommended_depth: 2,
  };
  const depthOf = async (text: string): Promise<number | null> => {
    writeFileSync(join(folder, 'mtplx_runtime.json'), text);
    return contractDepth(model, 'cpu');
  };
  assert.is(await contractDepth(model, 'cpu'), null, 'no contract');
  assert.is(await depthOf(JSON.stringify(contract)), 2);
  const wrong = [
    { status: 'failed' },
    { model_hash: 'b'.repeat(64) },
    { backend: 'metal' },
    { numerics_version: numericsVersion + 1 },
    { recommended_depth: 9 },
    { recommended_depth: undefined },
  ];
  for (const change of wrong)
    assert.is(await depthOf(JSON.stringify({ ...contract, ...change })), null, JSON.stringify(change));
  assert.is(await depthOf('{"status"'), null);
});

test('MTPLX_HOME, then the platform’s own place', () => {
  const at = (env: Record<string, string>, platform: NodeJS.Platform): string =>
    settingsFolder(env, platform, '/home/a');
  assert.is(at({ MTPLX_HOME: '/x', XDG_CONFIG_HOME: '/c' }, 'linux'), '/x');
  assert.is(at({}, 'linux'), '/home/a/.config/mtplx');
  assert.is(at({ XDG_CONFIG_HOME: '/c' }, 'linux'), '/c/mtplx');
  assert.is(at({ XDG_CONFIG_HOME: 'relative' }, 'linux'), '/home/a/.config/mtplx');
  assert.is(at({ XDG_CONFIG_HOME: '/c' }, 'darwin'), '/home/a/Library/Application Support/mtplx');
});

test.run();
