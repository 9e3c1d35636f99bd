import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { RunDescription } from '../../../harness/experiments/description.ts';
import type { RunEntry } from '../../../harness/experiments/listing.ts';
import type { ReplayDocument } from '../../../harness/experiments/replay.ts';
import { addonPath } from '../../../runtime/engine/addon.ts';
import { packageRoot } from '../../../runtime/package.ts';
import { skip } from '../../../scripts/testing/skip.ts';

const test = suite('mtplx runs');
const onEngine = existsSync(addonPath()) ? test : skip(test, 'the addon is not built: npm run build:native');
const folder = mkdtempSync(join(tmpdir(), 'mtplx-runs-cli-'));
const runs = join(folder, 'mtplx-runs');
test.after(() => rmSync(folder, { recursive: true }));

function mtplx(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [join(packageRoot, 'bin/mtplx.js'), ...args], {
    cwd: folder,
    env: { ...process.env, MTPLX_DEV: '1' },
    encoding: 'utf8',
    timeout: 120_000,
  });
}

function entries(): RunEntry[] {
  const { status, stdout, stderr } = mtplx('runs', '--json');
  assert.is(status, 0, stderr);
  return JSON.parse(stdout) as RunEntry[];
}

test('no runs are told in words', () => {
  const { status, stdout } = mtplx('runs');
  assert.is(status, 0);
  assert.match(stdout, 'There are no runs under ./mtplx-runs.');
});

onEngine('a run is listed, and replayed to the same bits', () => {
  assert.is(mtplx('bench', 'run', '--suite', 'smoke-code-16', '--depth', '2', '--runs', '1').status, 0);
  const [entry] = entries();
  assert.match(entry!.name, /-bench-smoke-code-16$/);
  assert.equal([entry!.experiment, entry!.state], ['bench', 'complete']);
  assert.match(entry!.headline, /best arm/);
  assert.match(mtplx('runs').stdout, entry!.name);

  const { status, stdout, stderr } = mtplx('runs', 'replay', entry!.name, '--json');
  assert.is(status, 0, stderr);
  const replay = JSON.parse(stdout) as ReplayDocument;
  assert.is(replay.verdict, 'identical');
  assert.ok(replay.tokens!.rows > 30 && replay.logit_hashes!.rows === replay.tokens!.rows);
  assert.is(replay.rate.units, 8);
  assert.is(entries().length, 2);
});

onEngine('a replay that differs ends with exit code 1', () => {
  const [entry] = entries();
  const other = join(runs, 'seed-9');
  cpSync(join(runs, entry!.name), other, { recursive: true });
  const spec = readFileSync(join(other, 'spec.json'), 'utf8');
  writeFileSync(join(other, 'spec.json'), spec.replace('"seed": 0', '"seed": 9'));
  const { status, stdout } = mtplx('runs', 'replay', 'seed-9');
  assert.is(status, 1);
  assert.match(stdout, /token ids: \d+ OF \d+ ROWS DIFFER; first in leviathan\/0\//);
  assert.match(stdout, 'DIFFERENT');
});

onEngine('a record of another machine: equal ids with its numerics version; with another one they may differ', () => {
  const [entry] = entries();
  const other = join(runs, 'other-machine');
  cpSync(join(runs, entry!.name), other, { recursive: true });
  const file = join(other, 'spec.json');
  const description = JSON.parse(readFileSync(file, 'utf8')) as RunDescription;
  const machine = { ...description.machine, cpu: 'Another CPU', arch: 'arm64', usable_cores: 64, cores: 64 };
  const there = { ...description, machine, engine: { ...description.engine!, isa: 'neon', threads: 32 } };
  writeFileSync(file, JSON.stringify(there));
  const same = mtplx('runs', 'replay', 'other-machine');
  assert.is(same.status, 0, same.stderr);
  assert.match(same.stdout, /^recorded: Another CPU \(neon\), /m);
  assert.match(same.stdout, /^token ids: equal in all \d+ rows\nlogit hashes: equal in all \d+ rows$/m);
  assert.match(same.stdout, /^speed, replayed ÷ recorded: \d\.\d+ \(95 % interval \d\.\d+ … \d\.\d+, 8 units\)$/m);
  assert.match(same.stdout, /^identical$/m);

  writeFileSync(file, JSON.stringify({ ...there, numerics_version: 99 }));
  const older = mtplx('runs', 'replay', 'other-machine');
  assert.is(older.status, 0, older.stderr);
  assert.match(older.stdout, /^recorded: .*numerics 99$/m);
  assert.match(older.stdout, 'the numerics versions differ, so token ids and logit hashes may differ');
  assert.not.match(older.stdout, /^identical$/m);
  // Ids that differ are no failure there.
  const spec = { ...there.spec, seed: 9 };
  writeFileSync(file, JSON.stringify({ ...there, numerics_version: 99, spec }));
  const differing = mtplx('runs', 'replay', 'other-machine', '--json');
  assert.is(differing.status, 0, differing.stderr);
  const replay = JSON.parse(differing.stdout) as ReplayDocument;
  assert.equal([replay.verdict, replay.tokens!.equal], ['not-comparable', false]);
});

onEngine('a run that was cut off is listed as stopped and goes on', () => {
  const [entry] = entries();
  const other = join(runs, 'cut');
  cpSync(join(runs, entry!.name), other, { recursive: true });
  rmSync(join(other, 'result.json'));
  const journal = join(other, 'journal.jsonl');
  truncateSync(journal, readFileSync(journal).length - 40);
  const cut = entries().find(({ name }) => name === 'cut')!;
  assert.equal([cut.state, cut.headline], ['stopped', '7 of 8 parts']);
  const { status, stdout, stderr } = mtplx('runs', 'resume', 'cut', '--json');
  assert.is(status, 0, stderr);
  const before = JSON.parse(readFileSync(join(runs, entry!.name, 'result.json'), 'utf8')) as Emitted;
  assert.equal(emitted(JSON.parse(stdout) as Emitted), emitted(before));
  assert.equal(readdirSync(other).includes('result.json'), true);
});

interface Emitted {
  arms: { cycles: number; accepted: number; emitted: number }[];
}

function emitted({ arms }: Emitted): number[][] {
  return arms.map((arm) => [arm.cycles, arm.accepted, arm.emitted]);
}

for (const command of ['resume', 'replay']) {
  test(`${command} of what is no run exits with 2 and a code`, () => {
    const { status, stdout } = mtplx('runs', command, 'none', '--json');
    assert.is(status, 2);
    assert.match(stdout, 'MTPLX_E_RUN_NOT_FOUND');
  });
}

test.run();
