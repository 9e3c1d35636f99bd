import type { Distribution } from '../../../runtime/decoding/distribution.ts';
import type { Filter } from '../../../runtime/engine/types.ts';

/** Members this far below the largest are only looked at when the others do not fill the filter: sorting is slow. */
const usual = 1e-4;

/**
 * The filtered distribution of a whole logits row by the formula, in float64: softmax at the temperature, top-p, top-k,
 * renormalised. Shares no code with runtime/decoding and kernels/draw, which it is the oracle of.
 */
export function targetDistribution(logits: Float32Array, { temperature, topP, topK }: Filter): Distribution {
  let top = -Infinity;
  for (const logit of logits) if (logit > top) top = logit;
  const weights = new Float64Array(logits.length);
  let total = 0;
  for (let id = 0; id < logits.length; id++) total += weights[id] = Math.exp((logits[id]! - top) / temperature);
  const above = (limit: number): number[] => {
    const ids: number[] = [];
    for (let id = 0; id < weights.length; id++) if (weights[id]! >= limit && weights[id]! > 0) ids.push(id);
    return ids;
  };
  let members = above(usual);
  const mass = members.reduce((sum, id) => sum + weights[id]!, 0) / total;
  const filled = (topK > 0 && members.length >= topK) || (topP < 1 && mass >= topP);
  if (!filled) members = above(0);
  members.sort((a, b) => logits[b]! - logits[a]! || a - b);
  const kept: number[] = [];
  let sum = 0;
  for (const id of members) {
    if ((topP < 1 && sum >= topP) || (topK > 0 && kept.length === topK)) break;
    kept.push(id);
    sum += weights[id]! / total;
  }
  return { ids: Int32Array.from(kept), probabilities: Float64Array.from(kept, (id) => weights[id]! / total / sum) };
}
