import { cp, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readJson, readTensors, renamed, tiny, writeJson, writeTensors } from './files.ts';
import type { RawTensors } from './files.ts';

type Tiny = 'dense' | 'moe' | 'next';

export interface Parts {
  config: Record<string, unknown>;
  trunk: RawTensors;
  /** Under `mtp.`. */
  mtp: RawTensors;
}

/** The tensors of a tiny model, trunk and head apart. */
export async function tinyParts(name: Tiny): Promise<Parts> {
  const all = await readTensors(join(tiny(name), 'model.safetensors'));
  const isHead = (key: string): boolean => key.startsWith('mtp.');
  return {
    config: await readJson(join(tiny(name), 'config.json')),
    trunk: renamed(all, (key) => (isHead(key) ? null : key)),
    mtp: renamed(all, (key) => (isHead(key) ? key : null)),
  };
}

/** Writes files of tensors under `folder`, with the config and, if wanted, an index over some of the files. */
export async function writeModel(
  folder: string,
  config: object,
  files: Record<string, RawTensors>,
  indexed: string[] = [],
): Promise<string> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await writeJson(join(folder, 'config.json'), config);
  for (const [name, tensors] of Object.entries(files)) await writeTensors(join(folder, name), tensors);
  const map = indexed.flatMap((name) => [...files[name]!.keys()].map((key) => [key, name]));
  if (indexed.length > 0)
    await writeJson(join(folder, 'model.safetensors.index.json'), {
      metadata: {},
      weight_map: Object.fromEntries(map),
    });
  return folder;
}

/** Splits tensors over `count` files, in turn. */
export function shards(tensors: RawTensors, count: number): Record<string, RawTensors> {
  const files = Array.from({ length: count }, (): RawTensors => new Map());
  for (const [i, [key, tensor]] of [...tensors].entries()) files[i % count]!.set(key, tensor);
  return Object.fromEntries(files.map((file, i) => [`model-0000${i + 1}-of-0000${count}.safetensors`, file]));
}

/** A copy of a model folder that a test may break. */
export async function copyModel(from: string, to: string): Promise<string> {
  await rm(to, { recursive: true, force: true });
  await mkdir(to, { recursive: true });
  for (const name of await readdir(from)) if (!name.startsWith('golden')) await cp(join(from, name), join(to, name));
  return to;
}
