import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { MtplxError } from '../errors.ts';
import { isObject, parseJsonObject } from './config.ts';
import { canonicalDrafterName, canonicalName, isMtpName } from './names.ts';
import { readSafetensorsHeader } from './safetensors-header.ts';
import type { HeaderTensor, SafetensorsHeader } from './safetensors-header.ts';

/** A tensor in a file: `file` indexes WeightFiles.files. */
export interface Located extends HeaderTensor {
  file: number;
  key: string;
}

/** Where every tensor of a checkpoint lies, by canonical name. */
export interface WeightFiles {
  files: SafetensorsHeader[];
  tensors: Map<string, Located>;
  /** Named in errors about tensors that are nowhere: the index, or the single file. */
  listing: string;
  /** Where the MTP head was found, relative to the folder; null for none. */
  mtpSource: string | null;
}

// MTP heads outside the index, in the order in which they are looked for. Files that hold nothing else may have bare keys.
const sidecars: { path: string; bare: boolean }[] = [
  { path: 'mtp.safetensors', bare: true },
  { path: 'mtp/weights.safetensors', bare: true },
  { path: 'mtp/model.safetensors', bare: true },
  { path: 'model-mtp.safetensors', bare: false },
  { path: 'model_extra_tensors.safetensors', bare: false },
];

/**
 * Finds the weight files of a model folder and reads their headers. The MTP head comes from one place: `drafter` if
 * given, else the config's sidecar, the listed files, the sidecars, whichever has it first.
 * @throws MtplxError MTPLX_E_MODEL_NOT_FOUND, MTPLX_E_FILE_BROKEN, MTPLX_E_FILE_TRUNCATED, MTPLX_E_TENSOR_MISSING
 */
export async function findWeights(
  folder: string,
  mtpFile: string | null,
  drafter: string | null,
): Promise<WeightFiles> {
  const found: WeightFiles = { files: [], tensors: new Map(), listing: '', mtpSource: null };
  const { listing, listed } = await listFiles(folder);
  found.listing = listing;
  const embedded = new Map<string, Located>();
  for (const [path, keys] of listed) {
    for (const [name, tensor] of await read(found, path, keys, listing, canonicalName)) {
      const target = isMtpName(name) ? embedded : found.tensors;
      const other = target.get(name);
      if (other)
        throw new MtplxError('MTPLX_E_FILE_BROKEN', {
          file: path,
          problem: `tensor ${tensor.key} stands in ${found.files[other.file]!.path} too, as ${other.key}`,
        });
      target.set(name, tensor);
    }
  }
  const candidates: { path: string; bare: boolean }[] = [];
  if (drafter !== null) candidates.push(...(await drafterFiles(drafter)));
  else if (mtpFile !== null) candidates.push({ path: join(folder, mtpFile), bare: true });
  else if (embedded.size === 0)
    for (const sidecar of sidecars)
      if (await isFile(join(folder, sidecar.path))) candidates.push({ ...sidecar, path: join(folder, sidecar.path) });
  for (const { path, bare } of candidates) {
    if (listed.has(path) && drafter === null && mtpFile === null) continue;
    const tensors = await read(found, path, null, listing, bare ? canonicalDrafterName : canonicalName);
    const head = [...tensors].filter(([name]) => isMtpName(name));
    if (head.length === 0) continue;
    for (const [name, tensor] of head) found.tensors.set(name, tensor);
    found.mtpSource ??= relative(folder, path);
    if (drafter === null) return found;
  }
  if (found.mtpSource !== null || embedded.size === 0) return found;
  for (const [name, tensor] of embedded) found.tensors.set(name, tensor);
  const [first] = embedded.values();
  found.mtpSource = relative(folder, found.files[first!.file]!.path);
  return found;
}

async function read(
  found: WeightFiles,
  path: string,
  keys: string[] | null,
  listing: string,
  canonical: (key: string) => string | null,
): Promise<[string, Located][]> {
  const header = await readSafetensorsHeader(path);
  const file = found.files.push(header) - 1;
  for (const key of keys ?? [])
    if (!header.tensors.has(key))
      throw new MtplxError('MTPLX_E_TENSOR_MISSING', {
        file: path,
        tensor: key,
        expected: `what ${listing} lists`,
        found: 'no such key',
      });
  const located: [string, Located][] = [];
  for (const [key, tensor] of header.tensors) {
    const name = canonical(key);
    if (name !== null) located.push([name, { ...tensor, file, key }]);
  }
  return located;
}

/** Weight files of the folder with the keys that the index lists for each (null: no index). */
async function listFiles(folder: string): Promise<{ listing: string; listed: Map<string, string[] | null> }> {
  const index = join(folder, 'model.safetensors.index.json');
  if (await isFile(index)) {
    const map = parseJsonObject(await readFile(index, 'utf8'), index)['weight_map'];
    if (!isObject(map)) throw new MtplxError('MTPLX_E_FILE_BROKEN', { file: index, problem: 'no weight_map' });
    const listed = new Map<string, string[]>();
    for (const [key, name] of Object.entries(map)) {
      if (typeof name !== 'string' || name.startsWith('/') || name.split(/[\\/]/).includes('..'))
        throw new MtplxError('MTPLX_E_FILE_BROKEN', {
          file: index,
          problem: `${key} is in ${JSON.stringify(name)}, not a file of this folder`,
        });
      const path = join(folder, name);
      const keys = listed.get(path) ?? [];
      keys.push(key);
      listed.set(path, keys);
    }
    for (const [path, [key]] of listed)
      if (!(await isFile(path)))
        throw new MtplxError('MTPLX_E_FILE_BROKEN', {
          file: path,
          problem: `it is missing, ${index} lists it (for ${key}, among others)`,
        });
    return { listing: index, listed };
  }
  const single = join(folder, 'model.safetensors');
  if (await isFile(single)) return { listing: single, listed: new Map([[single, null]]) };
  const extra = new Set(sidecars.map(({ path }) => path));
  const shards = (await readdir(folder))
    .filter((name) => /^model.*\.safetensors$/.test(name) && !extra.has(name))
    .toSorted();
  if (shards.length === 0)
    throw new MtplxError('MTPLX_E_MODEL_NOT_FOUND', { folder, problem: 'it has no model*.safetensors' });
  return { listing: folder, listed: new Map(shards.map((name) => [join(folder, name), null])) };
}

async function drafterFiles(drafter: string): Promise<{ path: string; bare: boolean }[]> {
  if (await isFile(drafter)) return [{ path: drafter, bare: true }];
  const names = await readdir(drafter).catch(() => []);
  const files = names.filter((name) => name.endsWith('.safetensors')).toSorted();
  if (files.length === 0)
    throw new MtplxError('MTPLX_E_MODEL_NOT_FOUND', { folder: drafter, problem: 'it has no *.safetensors' });
  return files.map((name) => ({ path: join(drafter, name), bare: true }));
}

export async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (entry) => entry.isFile(),
    () => false,
  );
}
