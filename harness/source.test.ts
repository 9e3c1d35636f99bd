import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { sourceState } from './source.ts';

const test = suite<{ folder: string }>('source state');

test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'mtplx-source-'));
});
test.after.each(({ folder }) => rmSync(folder, { recursive: true }));

function git(folder: string, ...args: string[]): string {
  const identity = ['-c', 'user.name=Test', '-c', 'user.email=test@example.org'];
  return execFileSync('git', [...identity, ...args], { cwd: folder, encoding: 'utf8' }).trim();
}

function checkout(folder: string): string {
  git(folder, 'init', '--quiet');
  git(folder, 'commit', '--quiet', '--allow-empty', '--message', 'start');
  return git(folder, 'rev-parse', 'HEAD');
}

test('a checkout has a commit, and is dirty once a file differs', async ({ folder }) => {
  const commit = checkout(folder);
  assert.equal(await sourceState(folder), { commit, dirty: false });
  writeFileSync(join(folder, 'new.txt'), 'x');
  assert.equal(await sourceState(folder), { commit, dirty: true });
});

test('a plain folder has none', async ({ folder }) => {
  assert.equal(await sourceState(folder), { commit: null, dirty: null });
});

test('a folder inside another checkout does not take that commit for its own', async ({ folder }) => {
  checkout(folder);
  const inner = join(folder, 'node_modules/mtplx');
  mkdirSync(inner, { recursive: true });
  assert.equal(await sourceState(inner), { commit: null, dirty: null });
});

test.run();
