import type { Filter } from '../engine/types.ts';
import { exp, log } from './fixed-math.ts';
import { purposes, type Uniforms } from './random.ts';

/** A distribution over token ids, by falling probability, ties by rising id. Probabilities sum to 1 in float64. */
export interface Distribution {
  ids: Int32Array;
  probabilities: Float64Array;
}

/** Candidates of one logits row, as the engine reports them: raw logits by falling value. */
export interface Candidates {
  ids: Int32Array;
  logits: Float32Array;
  /** ln Σ exp(logit / temperature) over the whole vocabulary. */
  logSum: number;
}

/**
 * softmax(logits / temperature), then top-p (members while the mass before them is < topP; 1 cuts nothing), then the first topK, then
 * renormalised: in this order, the one of mlx-lm. Temperature 0 is the argmax. Exact when the candidates reach as far
 * as topK, or over the whole vocabulary without one. The twin of kernels/draw.
 */
export function distribution(candidates: Candidates, filter: Filter): Distribution {
  const { ids, logits, logSum } = candidates;
  if (filter.temperature === 0) {
    return { ids: ids.slice(0, 1), probabilities: Float64Array.of(1) };
  }
  const limit = filter.topK > 0 ? Math.min(filter.topK, ids.length) : ids.length;
  // The sum may round to 1 before the last member: a topP of 1 cuts nothing.
  const topP = filter.topP < 1 ? filter.topP : Infinity;
  const kept: number[] = [];
  let mass = 0;
  for (let i = 0; i < limit && (i === 0 || mass < topP); i++) {
    const p = exp(logits[i]! / filter.temperature - logSum);
    if (i > 0 && p === 0) {
      break;
    }
    kept.push(p);
    mass += p;
  }
  return { ids: ids.slice(0, kept.length), probabilities: Float64Array.from(kept, (p) => p / mass) };
}

/** Probability of a token, 0 outside the support. */
export function probability({ ids, probabilities }: Distribution, token: number): number {
  const i = ids.indexOf(token);
  return i < 0 ? 0 : probabilities[i]!;
}

/** Inverse of the cumulative sum at u in (0, 1). */
export function drawUniform({ ids, probabilities }: Distribution, u: number): number {
  let sum = 0;
  for (let i = 0; i < ids.length; i++) {
    sum += probabilities[i]!;
    if (u < sum) {
      return ids[i]!;
    }
  }
  return ids[ids.length - 1]!;
}

/**
 * argmax of ln p + Gumbel noise, ties to the lower id: a draw from the distribution whose noise is keyed by the token,
 * so that two similar distributions at one position mostly give the same token.
 */
export function drawGumbel({ ids, probabilities }: Distribution, position: number, uniforms: Uniforms): number {
  let best = -1;
  let bestScore = -Infinity;
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i]!;
    const score = log(probabilities[i]!) - log(-log(uniforms(position, purposes.gumbel, id)));
    if (score > bestScore || best < 0 || (score === bestScore && id < best)) {
      best = id;
      bestScore = score;
    }
  }
  return best;
}
