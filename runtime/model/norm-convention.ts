import type { TensorPlan } from '../engine/types.ts';
import { isFloat, toFloats } from './dtype.ts';
import type { TensorReader } from './tensor-reader.ts';

/**
 * Zero-centred norms are stored raw (w - 1, Hugging Face) or shifted (w, MLX), and nothing in a checkpoint says which.
 * Effective weights are positive, raw ones are not; the numbers of a group decide together. The head has two groups,
 * since some converters shift by suffix and miss its own three norms. The engine decides by the same rule.
 */
export type NormGroup = 'trunk' | 'mtp-layer' | 'mtp-own';

/** Share of negative numbers above which a group is raw. */
const rawShare = 0.01;

export function normGroup(name: string): NormGroup | null {
  if (/^mtp\.(?:norm|pre_fc_norm_hidden|pre_fc_norm_embedding)\.weight$/.test(name)) return 'mtp-own';
  if (name !== 'norm.weight' && !/\.(?:input_layernorm|post_attention_layernorm|q_norm|k_norm)\.weight$/.test(name))
    return null;
  return name.startsWith('mtp.') ? 'mtp-layer' : 'trunk';
}

/** Groups whose norms are stored raw. */
export async function decideNorms(tensors: TensorPlan[], reader: TensorReader): Promise<Set<NormGroup>> {
  const counts = new Map<NormGroup, { negative: number; all: number }>();
  for (const plan of tensors) {
    const group = normGroup(plan.name);
    const dtype = reader.dtype(plan);
    if (group === null || !isFloat(dtype)) continue;
    const count = counts.get(group) ?? { negative: 0, all: 0 };
    counts.set(group, count);
    for await (const bytes of reader.rows(plan)) {
      const values = toFloats(bytes, dtype);
      count.negative += values.filter((value) => value < 0).length;
      count.all += values.length;
    }
  }
  return new Set([...counts].filter(([, { negative, all }]) => negative > rawShare * all).map(([group]) => group));
}
