import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EngineModel } from '../../../runtime/engine/engine.ts';
import type { LoadRequest, TensorPlan } from '../../../runtime/engine/types.ts';
import { dtypeBytes, isFloat, toFloats } from '../../../runtime/model/dtype.ts';
import type { ModelFolder } from '../../../runtime/model/folder.ts';
import { SafetensorsWriter } from '../../../runtime/model/safetensors-writer.ts';
import { TensorReader } from '../../../runtime/model/tensor-reader.ts';

const isHead = (name: string): boolean => !name.startsWith('layers.');
const isConcat = (name: string): boolean => name.startsWith('mtp.fc.');

/**
 * The head of a model alone (embedding, LM head, MTP layer; no trunk) with its two inputs swapped: the columns of
 * `mtp.fc` for the embedding and for the hidden row change places. Dispose of it after use.
 */
export async function loadSwappedHead(model: EngineModel, folder: ModelFolder): Promise<EngineModel> {
  const aside = await mkdtemp(join(tmpdir(), 'mtplx-swapped-head-'));
  try {
    const { files, tensors, quantized, spec } = model.request;
    const file = join(aside, 'fc.safetensors');
    await writeSwapped(
      file,
      tensors.filter(({ name }) => isConcat(name)),
      folder,
    );
    const fromAside = (plan: TensorPlan): TensorPlan =>
      isConcat(plan.name) ? { ...plan, op: 'take', sources: [{ file: files.length, key: plan.name }] } : plan;
    const request: LoadRequest = {
      files: [...files, file],
      tensors: tensors.filter(({ name }) => isHead(name)).map(fromAside),
      quantized: quantized.filter(({ module }) => isHead(module)),
      spec: { ...spec, layers: [], moe: spec.moe && { ...spec.moe, layers: [] } },
      draftHead: null,
    };
    return await EngineModel.load(request);
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

/** Both halves of every row change places: of dense weights, of packed words, of scales and of biases. */
async function writeSwapped(file: string, plans: TensorPlan[], folder: ModelFolder): Promise<void> {
  const reader = await TensorReader.open(folder.weights.files);
  try {
    const outputs = plans.map((plan) => ({ name: plan.name, dtype: reader.dtype(plan), shape: plan.shape }));
    const writer = await SafetensorsWriter.create(file, outputs);
    for (const plan of plans) {
      for await (const bytes of reader.rows(plan)) {
        const row = plan.shape.at(-1)! * dtypeBytes[reader.dtype(plan)]!;
        await writer.append(plan.name, halvesSwapped(bytes, row));
      }
    }
    await writer.finish();
  } finally {
    await reader.close();
  }
}

function halvesSwapped(rows: Uint8Array, rowBytes: number): Uint8Array {
  const swapped = new Uint8Array(rows.length);
  const half = rowBytes / 2;
  for (let at = 0; at < rows.length; at += rowBytes) {
    swapped.set(rows.subarray(at + half, at + rowBytes), at);
    swapped.set(rows.subarray(at, at + half), at + half);
  }
  return swapped;
}

/** Effective weights of the trunk's last norm [H]. */
export async function finalNorm(model: EngineModel, folder: ModelFolder): Promise<Float32Array> {
  const plan = model.request.tensors.find(({ name }) => name === 'norm.weight')!;
  const reader = await TensorReader.open(folder.weights.files);
  try {
    const dtype = reader.dtype(plan);
    const parts: number[] = [];
    if (!isFloat(dtype)) throw new TypeError(`norm.weight is ${dtype}.`);
    for await (const bytes of reader.rows(plan)) parts.push(...toFloats(bytes, dtype));
    const shift = model.info.norms.trunk === 'raw' ? 1 : 0;
    return Float32Array.from(parts, (weight) => weight + shift);
  } finally {
    await reader.close();
  }
}
