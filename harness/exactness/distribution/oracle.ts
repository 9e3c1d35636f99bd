import type { Distribution } from '../../../runtime/decoding/distribution.ts';
import type { Filter } from '../../../runtime/engine/types.ts';

/** exp(-x) for larger x is below half a unit in the last place of any sum with a term 1, over 2^24 terms. */
const negligible = 54;

/**
 * The filtered distribution of a whole logits row by the formula, in float64: softmax at the temperature, top-p, top-k,
 * renormalised. Shares no code with runtime/decoding and kernels/draw, which it is the oracle of.
 */
export function targetDistribution(logits: Float32Array, { temperature, topP, topK }: Filter): Distribution {
  let top = -Infinity;
  for (const logit of logits) if (logit > top) top = logit;
  const least = top - negligible * temperature;
  const members: [id: number, weight: number][] = [];
  for (let id = 0; id < logits.length; id++)
    if (logits[id]! >= least) members.push([id, Math.exp((logits[id]! - top) / temperature)]);
  members.sort(([a, x], [b, y]) => y - x || logits[b]! - logits[a]! || a - b);
  const total = members.reduceRight((sum, [, weight]) => sum + weight, 0);
  const kept: typeof members = [];
  let mass = 0;
  for (const member of members) {
    if ((topP < 1 && mass >= topP) || (topK > 0 && kept.length === topK)) break;
    kept.push(member);
    mass += member[1] / total;
  }
  return {
    ids: Int32Array.from(kept, ([id]) => id),
    probabilities: Float64Array.from(kept, ([, weight]) => weight / total / mass),
  };
}
