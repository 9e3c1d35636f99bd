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

/** Candidates of several rows, one after the other. */
export interface CandidateRows {
  ids: Int32Array;
  logits: Float32Array;
  /** Two a row, as the engine reports them: at temperature 1, and at the filter's. */
  logSums: ArrayLike<number>;
}

/**
 * softmax(logits / temperature), then top-p (members while the mass before them is < topP; 1 cuts nothing), then the first topK, then
 * renormalised: in this order, the one of mlx-lm. Temperature 0 is the argmax. Exact when the candidates reach as far
 * as topK, or over the whole vocabulary without one. The twin of kernels/draw.
 */
export function distribution({ ids, logits, logSum }: Candidates, filter: Filter): Distribution {
  return distributions({ ids, logits, logSums: [NaN, logSum] }, ids.length, 1, filter)[0]!;
}

/** Kept between calls: a typed array is dear on cold caches, one with memory of its own most of all. */
let scratch = new Float64Array(256);

/** `distribution` of `count` rows of `width` candidates each; the ids are views of the given ones. */
export function distributions(rows: CandidateRows, width: number, count: number, filter: Filter): Distribution[] {
  const limit = filter.topK > 0 ? Math.min(filter.topK, width) : width;
  const ends: number[] = [];
  let end = 0;
  for (let r = 0; r < count; r++) {
    if (scratch.length < end + limit) {
      const larger = new Float64Array(2 * (end + limit));
      larger.set(scratch);
      scratch = larger;
    }
    end = weigh(rows, r * width, limit, rows.logSums[2 * r + 1]!, filter, end);
    ends.push(end);
  }
  const all = scratch.slice(0, end);
  return ends.map((until, r) => {
    const begin = r === 0 ? 0 : ends[r - 1]!;
    const ids = rows.ids.subarray(r * width, r * width + until - begin);
    return { ids, probabilities: all.subarray(begin, until) };
  });
}

/** Probabilities of a row's members into `scratch`, from `begin` on; gives where they end. */
function weigh(
  { logits }: CandidateRows,
  first: number,
  limit: number,
  logSum: number,
  { temperature, topP }: Filter,
  begin: number,
): number {
  if (temperature === 0) {
    scratch[begin] = 1;
    return begin + 1;
  }
  // The sum may round to 1 before the last member: a topP of 1 cuts nothing.
  const most = topP < 1 ? topP : Infinity;
  let size = 0;
  let mass = 0;
  for (; size < limit && (size === 0 || mass < most); size++) {
    const p = exp(logits[first + size]! / temperature - logSum);
    if (size > 0 && p === 0) {
      break;
    }
    scratch[begin + size] = p;
    mass += p;
  }
  for (let i = 0; i < size; i++) scratch[begin + i]! /= mass;
  return begin + size;
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
