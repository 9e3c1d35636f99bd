import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { syncFolder } from '../atomic-file.ts';
import { MtplxError } from '../errors.ts';
import { planConversion } from './convert-plan.ts';
import type { ConvertedTensor } from './convert-plan.ts';
import { convertedConfig } from './convert-config.ts';
import { fromFloats, toFloats } from './dtype.ts';
import { openModelFolder } from './folder.ts';
import type { ModelFolder } from './folder.ts';
import { decideNorms } from './norm-convention.ts';
import { quantizeRows } from './quantize.ts';
import { SafetensorsWriter, tensorBytes } from './safetensors-writer.ts';
import { TensorReader } from './tensor-reader.ts';

export interface ConvertOptions {
  bits: number;
  groupSize: number;
  /** 16: the head keeps its element type. */
  mtpBits: number;
  /** A shard's size in bytes; mlx-lm's is 5 GB. */
  shardBytes?: number;
  onProgress?: (progress: ConvertProgress) => void;
  signal?: AbortSignal;
}

export interface ConvertProgress {
  tensor: string;
  doneBytes: number;
  totalBytes: number;
}

export interface ConvertResult {
  folder: string;
  /** Bytes of all weight files. */
  bytes: number;
  files: string[];
  mtp: boolean;
}

const copied = [
  'tokenizer.json',
  'tokenizer_config.json',
  'chat_template.jinja',
  'generation_config.json',
  'special_tokens_map.json',
  'vocab.json',
  'merges.txt',
];

/**
 * Converts a checkpoint (Hugging Face layout, or unquantised MLX) to an MLX affine one that mlx-lm loads, with the MTP
 * head in `mtp.safetensors`, which mlx-lm does not look at. Works row by row, beside the target; the target folder
 * appears when everything is on the disk.
 * @throws MtplxError MTPLX_E_CONVERT (quantised source, target not empty, cancelled) and what openModelFolder throws
 */
export async function convertModel(source: string, target: string, options: ConvertOptions): Promise<ConvertResult> {
  const out = resolve(target);
  const model = await openModelFolder(source);
  const refuse = (problem: string): MtplxError => new MtplxError('MTPLX_E_CONVERT', { folder: model.folder, problem });
  if (model.plan.quantized.length > 0) throw refuse('it is quantised already; convert the original checkpoint');
  const existing = await readdir(out).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return [];
    throw refuse(`${out} is not a folder (${cause.code})`);
  });
  if (existing.length > 0) throw refuse(`${out} is not empty`);
  await mkdir(dirname(out), { recursive: true });
  const aside = await mkdtemp(join(dirname(out), `.${basename(out)}.partial-`));
  try {
    const files = await writeWeights(model, aside, options);
    await writeSmallFiles(model, aside, options);
    await syncFolder(aside);
    await chmod(aside, 0o755);
    await rename(aside, out);
    await syncFolder(dirname(out));
    return {
      folder: out,
      bytes: files.reduce((sum, file) => sum + file.bytes, 0),
      files: files.map(({ name }) => name),
      mtp: model.spec.mtp,
    };
  } catch (error) {
    await rm(aside, { recursive: true, force: true });
    throw options.signal?.aborted ? refuse('cancelled') : error;
  }
}

async function writeWeights(
  model: ModelFolder,
  folder: string,
  options: ConvertOptions,
): Promise<{ name: string; bytes: number }[]> {
  const reader = await TensorReader.open(model.weights.files);
  try {
    const norms = await decideNorms(model.plan.tensors, reader);
    const files = planConversion(model, norms, options);
    const tensors = files.flatMap((file) => file.tensors);
    const totalBytes = tensors.flatMap(({ outputs }) => outputs).reduce((sum, output) => sum + tensorBytes(output), 0);
    let doneBytes = 0;
    for (const file of files) {
      const writer = await SafetensorsWriter.create(
        join(folder, file.name),
        file.tensors.flatMap(({ outputs }) => outputs),
      );
      try {
        for (const tensor of file.tensors) {
          options.onProgress?.({ tensor: tensor.outputs[0]!.name, doneBytes, totalBytes });
          await writeTensor(tensor, reader, writer, options.signal);
          doneBytes += tensor.outputs.reduce((sum, output) => sum + tensorBytes(output), 0);
        }
        await writer.finish();
      } catch (error) {
        await writer.abandon();
        throw error;
      }
    }
    options.onProgress?.({ tensor: '', doneBytes, totalBytes });
    const trunk = files.filter(({ mtp }) => !mtp);
    const listed = trunk.flatMap(({ name, tensors: list }) =>
      list.flatMap(({ outputs }) => outputs.map((output) => [output.name, name])),
    );
    const size = trunk
      .flatMap((file) => file.tensors.flatMap(({ outputs }) => outputs))
      .reduce((sum, output) => sum + tensorBytes(output), 0);
    const index = {
      metadata: { total_size: size },
      weight_map: Object.fromEntries(listed.toSorted(([a], [b]) => (a! < b! ? -1 : 1))),
    };
    await writeSynced(join(folder, 'model.safetensors.index.json'), json(index));
    return files.map(({ name, tensors: list }) => ({
      name,
      bytes: list.flatMap(({ outputs }) => outputs).reduce((sum, output) => sum + tensorBytes(output), 0),
    }));
  } finally {
    await reader.close();
  }
}

async function writeTensor(
  tensor: ConvertedTensor,
  reader: TensorReader,
  writer: SafetensorsWriter,
  signal?: AbortSignal,
): Promise<void> {
  const { plan, dtype, affine, addOne } = tensor;
  const names = tensor.outputs.map(({ name }) => name);
  for await (const bytes of reader.rows(plan)) {
    signal?.throwIfAborted();
    if (affine === null && !addOne) {
      await writer.append(names[0]!, bytes);
      continue;
    }
    const values = toFloats(bytes, dtype);
    if (affine === null)
      await writer.append(
        names[0]!,
        fromFloats(
          values.map((value) => value + 1),
          dtype,
        ),
      );
    else {
      const { packed, scales, biases } = quantizeRows(values, plan.shape.at(-1)!, affine.bits, affine.groupSize);
      await writer.append(names[0]!, packed);
      await writer.append(names[1]!, fromFloats(scales, dtype));
      await writer.append(names[2]!, fromFloats(biases, dtype));
    }
  }
}

async function writeSmallFiles(model: ModelFolder, folder: string, options: ConvertOptions): Promise<void> {
  const config: unknown = JSON.parse(await readFile(join(model.folder, 'config.json'), 'utf8'));
  await writeSynced(
    join(folder, 'config.json'),
    json(convertedConfig(config as Record<string, unknown>, model, options)),
  );
  const present = new Set(await readdir(model.folder));
  for (const name of copied.filter((candidate) => present.has(candidate)))
    await writeSynced(join(folder, name), await readFile(join(model.folder, name)));
}

async function writeSynced(path: string, content: string | Uint8Array): Promise<void> {
  await writeFile(path, content, { flush: true });
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
