import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { packageRoot } from '../../runtime/package.ts';

const test = suite('mtplx convert');
const folder = mkdtempSync(join(tmpdir(), 'mtplx-convert-'));
const tiny = join(packageRoot, 'fixtures/tiny/dense');
test.after(() => rmSync(folder, { recursive: true }));

function convert(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const command = [join(packageRoot, 'bin/mtplx.js'), 'convert', ...args];
  const env = { ...process.env, MTPLX_DEV: '1' };
  return spawnSync(process.execPath, command, { encoding: 'utf8', timeout: 60_000, env });
}

test('writes a model with its head beside it, and says so', () => {
  const out = join(folder, 'out');
  const { status, stdout, stderr } = convert(tiny, '--out', out, '--bits', '4', '--group-size', '32');
  assert.is(status, 0, stderr);
  assert.match(stdout, /MB, with MTP head/);
  assert.ok(readdirSync(out).includes('mtp.safetensors'));
});

test('--json gives the files', () => {
  const { stdout } = convert(tiny, '--out', join(folder, 'json'), '--json');
  assert.equal((JSON.parse(stdout) as { files: string[] }).files, ['model.safetensors', 'mtp.safetensors']);
});

test('a target that is not empty, a source that is no model, impossible bits', () => {
  const used = convert(tiny, '--out', join(folder, 'out'));
  assert.is(used.status, 1);
  assert.match(used.stderr, /is not empty/);
  const missing = convert(join(folder, 'nowhere'), '--out', join(folder, 'x'));
  assert.is(missing.status, 2);
  assert.match(missing.stderr, /no config\.json/);
  assert.is(convert(tiny, '--out', join(folder, 'y'), '--bits', '7').status, 2);
  assert.is(convert(tiny).status, 2);
});

test.run();
