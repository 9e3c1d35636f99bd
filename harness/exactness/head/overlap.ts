import { type Distribution, probability } from '../../../runtime/decoding/distribution.ts';
import type { Filter } from '../../../runtime/engine/types.ts';
import { targetDistribution } from '../distribution/oracle.ts';

const target: Filter = { temperature: 0.6, topP: 0.95, topK: 20 };
const draft: Filter = { ...target, temperature: 0.7 };

/** Σ min(p, q): the probability that speculative sampling accepts a draft of q for p. */
export function overlap(p: Distribution, q: Distribution): number {
  let sum = 0;
  p.ids.forEach((id, i) => (sum += Math.min(p.probabilities[i]!, probability(q, id))));
  return sum;
}

/** Row `r` of [rows, V]. */
export function rowAt(rows: Float32Array, r: number, vocabSize: number): Float32Array {
  return rows.subarray(r * vocabSize, (r + 1) * vocabSize);
}

export const targetOf = (logits: Float32Array): Distribution => targetDistribution(logits, target);
export const draftOf = (logits: Float32Array): Distribution => targetDistribution(logits, draft);
