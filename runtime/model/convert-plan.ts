import { MtplxError } from '../errors.ts';
import type { FamilyName, TensorPlan } from '../engine/types.ts';
import { isFloat } from './dtype.ts';
import type { FloatDtype } from './dtype.ts';
import type { ModelFolder } from './folder.ts';
import { isMtpName } from './names.ts';
import { normGroup } from './norm-convention.ts';
import type { NormGroup } from './norm-convention.ts';
import { supportedBits, supportedGroups } from './quantization.ts';
import type { Affine } from './quantization.ts';
import { tensorBytes } from './safetensors-writer.ts';
import type { OutputTensor } from './safetensors-writer.ts';

export interface ConvertedTensor {
  plan: TensorPlan;
  dtype: FloatDtype;
  /** null: written as it is. */
  affine: Affine | null;
  addOne: boolean;
  /** One tensor, or weight, scales, biases. */
  outputs: OutputTensor[];
}

export interface ConvertedFile {
  name: string;
  mtp: boolean;
  tensors: ConvertedTensor[];
}

/** mlx-lm's shard size. */
const defaultShardBytes = 5e9;

/** Routers are kept at 8 bits: a wrong expert costs more than a rounded one. */
const gates = /\.mlp\.(?:gate|shared_expert_gate)\.weight$/;

/** Which files the converted model gets, with what in them. */
export function planConversion(
  model: ModelFolder,
  rawNorms: Set<NormGroup>,
  options: { bits: number; groupSize: number; mtpBits: number; shardBytes?: number },
): ConvertedFile[] {
  const refuse = (problem: string): MtplxError => new MtplxError('MTPLX_E_CONVERT', { folder: model.folder, problem });
  if (!supportedBits.includes(options.bits))
    throw refuse(`--bits ${options.bits} is none of ${supportedBits.join(', ')}`);
  if (!supportedGroups.includes(options.groupSize))
    throw refuse(`--group-size ${options.groupSize} is none of ${supportedGroups.join(', ')}`);
  if (options.mtpBits !== 16 && !supportedBits.includes(options.mtpBits))
    throw refuse(`--mtp-bits ${options.mtpBits} is none of ${supportedBits.join(', ')}, 16`);
  const all = model.plan.tensors.map((plan): ConvertedTensor => {
    const { file, key } = plan.sources[0]!;
    const { dtype } = model.weights.files[file]!.tensors.get(key)!;
    if (!isFloat(dtype)) throw refuse(`${key} is ${dtype}`);
    const group = normGroup(plan.name);
    const affine = affineOf(plan, isMtpName(plan.name) ? options.mtpBits : options.bits, options.groupSize);
    return {
      plan,
      dtype,
      affine,
      addOne: group !== null && rawNorms.has(group),
      outputs: outputsOf(plan, dtype, affine, model.spec.family),
    };
  });
  const shards = shard(
    all.filter(({ plan }) => !isMtpName(plan.name)),
    options.shardBytes ?? defaultShardBytes,
  );
  const number = (n: number): string => String(n).padStart(5, '0');
  const files = shards.map((tensors, i) => ({
    name: shards.length === 1 ? 'model.safetensors' : `model-${number(i + 1)}-of-${number(shards.length)}.safetensors`,
    mtp: false,
    tensors,
  }));
  const mtp = all.filter(({ plan }) => isMtpName(plan.name));
  return mtp.length === 0 ? files : [...files, { name: 'mtp.safetensors', mtp: true, tensors: mtp }];
}

/** Parameters of one tensor: Linears, experts and the embedding are quantised unless their input does not fill whole groups. */
export function affineOf(
  { name, shape }: Pick<TensorPlan, 'name' | 'shape'>,
  bits: number,
  groupSize: number,
): Affine | null {
  const columns = shape.at(-1)!;
  if (bits === 16 || shape.length < 2 || name.endsWith('.conv1d.weight')) return null;
  if (gates.test(name)) return columns % 64 === 0 ? { bits: 8, groupSize: 64 } : null;
  return columns % groupSize === 0 ? { bits, groupSize } : null;
}

/** The name under which mlx-lm looks for a tensor; the head's names are ours. */
export function mlxName(name: string, family: FamilyName): string {
  const stacked = name.replace('.mlp.experts.', '.mlp.switch_mlp.');
  if (isMtpName(name)) return stacked;
  const inner = name.startsWith('lm_head.') ? stacked : `model.${stacked}`;
  return family === 'qwen3_next' ? inner : `language_model.${inner}`;
}

function outputsOf(
  { name, shape }: TensorPlan,
  dtype: string,
  affine: Affine | null,
  family: FamilyName,
): OutputTensor[] {
  const output = mlxName(name, family);
  if (affine === null) {
    const mlxShape = name.endsWith('.conv1d.weight') ? [shape[0]!, Math.max(shape[1]!, shape[2]!), 1] : shape;
    return [{ name: output, dtype, shape: mlxShape }];
  }
  const leading = shape.slice(0, -1);
  const columns = shape.at(-1)!;
  const stem = output.replace(/\.weight$/, '');
  const groups = [...leading, columns / affine.groupSize];
  return [
    { name: output, dtype: 'U32', shape: [...leading, (columns * affine.bits) / 32] },
    { name: `${stem}.scales`, dtype, shape: groups },
    { name: `${stem}.biases`, dtype, shape: groups },
  ];
}

function shard(tensors: ConvertedTensor[], limit: number): ConvertedTensor[][] {
  const shards: ConvertedTensor[][] = [[]];
  let size = 0;
  for (const tensor of tensors) {
    const bytes = tensor.outputs.reduce((sum, output) => sum + tensorBytes(output), 0);
    if (size > 0 && size + bytes > limit) {
      shards.push([]);
      size = 0;
    }
    shards.at(-1)!.push(tensor);
    size += bytes;
  }
  return shards;
}
