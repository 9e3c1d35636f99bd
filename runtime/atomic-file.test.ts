import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { skip } from '../scripts/testing/skip.ts';
import { writeAtomic } from './atomic-file.ts';
import type { MtplxError } from './errors.ts';

const test = suite<{ folder: string }>('atomic file');

test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'mtplx-atomic-'));
});
test.after.each(({ folder }) => rmSync(folder, { recursive: true }));

async function codeOf(action: Promise<unknown>): Promise<string | undefined> {
  return action.then(
    () => undefined,
    (error: unknown) => (error as MtplxError).code,
  );
}

test('writes new and over old', async ({ folder }) => {
  const path = join(folder, 'a');
  await writeAtomic(path, 'long content');
  await writeAtomic(path, Uint8Array.of(65));
  assert.is(readFileSync(path, 'utf8'), 'A');
  assert.equal(readdirSync(folder), ['a']);
});

test('a missing folder is named', async ({ folder }) => {
  assert.is(await codeOf(writeAtomic(join(folder, 'none/a'), 'x')), 'MTPLX_E_UNWRITABLE');
});

const withFullDevice = existsSync('/dev/full') ? test : skip(test, 'there is no /dev/full');
withFullDevice('a full disk is named, and the old content stays', async ({ folder }: { folder: string }) => {
  const path = join(folder, 'a');
  writeFileSync(path, 'old');
  symlinkSync('/dev/full', `${path}.${process.pid}.partial`);
  assert.is(await codeOf(writeAtomic(path, 'new')), 'MTPLX_E_DISK_FULL');
  assert.is(readFileSync(path, 'utf8'), 'old');
  assert.equal(readdirSync(folder), ['a']);
});

test.run();
