import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { MtplxError } from '../../errors.ts';
import { readSafetensorsHeader } from '../safetensors-header.ts';
import { SafetensorsWriter } from '../safetensors-writer.ts';

/** Files of checkpoints, for tests: read whole, changed, written as another packaging. */

const fixtures = fileURLToPath(new URL('../../../fixtures/', import.meta.url));
export const embedded = join(fixtures, 'model');
export const tiny = (name: 'dense' | 'moe' | 'next'): string => join(fixtures, 'tiny', name);

export interface RawTensor {
  dtype: string;
  shape: number[];
  bytes: Uint8Array;
}
export type RawTensors = Map<string, RawTensor>;

/** Runs `body` with a temporary folder that is gone afterwards. */
export async function inTemporaryFolder<T>(body: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'mtplx-test-'));
  try {
    return await body(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

export async function readTensors(path: string): Promise<RawTensors> {
  const { tensors } = await readSafetensorsHeader(path);
  const blob = await readFile(path);
  return new Map(
    [...tensors].map(([name, { dtype, shape, begin, end }]) => [
      name,
      { dtype, shape, bytes: blob.subarray(begin, end) },
    ]),
  );
}

export async function writeTensors(path: string, tensors: RawTensors): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const writer = await SafetensorsWriter.create(
    path,
    [...tensors].map(([name, { dtype, shape }]) => ({ name, dtype, shape })),
  );
  for (const [name, { bytes }] of tensors) await writer.append(name, bytes);
  await writer.finish();
}

export async function readJson(path: string): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
}

export async function writeJson(path: string, value: unknown): Promise<void> {
  await writeFile(path, JSON.stringify(value));
}

export function renamed(tensors: RawTensors, rename: (name: string) => string | null): RawTensors {
  return new Map(
    [...tensors].flatMap(([name, tensor]) => (rename(name) === null ? [] : [[rename(name)!, tensor] as const])),
  );
}

/** `action` fails with a MtplxError of this code whose text contains every one of `words`. */
export async function failsWith(action: () => unknown, code: string, ...words: string[]): Promise<void> {
  let error: unknown;
  try {
    await action();
  } catch (caught) {
    error = caught;
  }
  assert.instance(error, MtplxError, `expected ${code}, got ${String(error)}`);
  assert.is((error as MtplxError).code, code);
  for (const word of words)
    assert.ok((error as MtplxError).message.includes(word), `"${(error as MtplxError).message}" lacks "${word}"`);
}
