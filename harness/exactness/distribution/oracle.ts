import type { Distribution } from '../../../runtime/decoding/distribution.ts';
import type { Filter } from '../../../runtime/engine/types.ts';

/**
 * The filtered distribution of a whole logits row by the formula, in float64: softmax at the temperature, top-p, top-k,
 * renormalised. Shares no code with runtime/decoding and kernels/draw, which it is the oracle of.
 */
export function targetDistribution(logits: Float32Array, { temperature, topP, topK }: Filter): Distribution {
  const top = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const weights = Float64Array.from(logits, (logit) => Math.exp((logit - top) / temperature));
  const total = weights.reduce((a, b) => a + b, 0);
  // What lies 2^-40 below the top is in no nucleus; sorting the rest of a large vocabulary would be slow.
  const order = [...weights.keys()]
    .filter((id) => topP === 1 || weights[id]! > 2 ** -40)
    .toSorted((a, b) => logits[b]! - logits[a]! || a - b);
  const ids: number[] = [];
  let mass = 0;
  for (const id of order) {
    if ((mass >= topP && topP < 1) || (topK > 0 && ids.length === topK)) break;
    ids.push(id);
    mass += weights[id]! / total;
  }
  return {
    ids: Int32Array.from(ids),
    probabilities: Float64Array.from(ids, (id) => weights[id]! / total / mass),
  };
}
