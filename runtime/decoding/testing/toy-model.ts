import type { Filter } from '../../engine/types.ts';

/** A language model that can be enumerated: logits depend on the last two tokens of the context. */
export interface ToyModel {
  vocabSize: number;
  /** Logits of the token after the context; rows by tokenRow(). */
  target: readonly Float32Array[];
  /** The same of the drafting head. */
  draft: readonly Float32Array[];
}

export function rowCount(vocabSize: number): number {
  return vocabSize * vocabSize;
}

/** The row for what follows `context`; a missing token counts as 0. */
export function rowOf(context: readonly number[], { vocabSize }: ToyModel): number {
  return (context.at(-1) ?? 0) + vocabSize * (context.at(-2) ?? 0);
}

/** ln Σ exp(x / T) by the obvious formula, T = 0 as T = 1. */
export function logSumExp(logits: ArrayLike<number>, temperature: number): number {
  const t = temperature === 0 ? 1 : temperature;
  const scaled = Array.from(logits, (x) => x / t);
  const top = Math.max(...scaled);
  return top + Math.log(scaled.reduce((sum, x) => sum + Math.exp(x - top), 0));
}

/** Ids by falling logit, ties by rising id; without those at -inf. */
export function ranked(logits: Float32Array): number[] {
  return [...logits.keys()]
    .filter((id) => logits[id]! > -Infinity)
    .toSorted((a, b) => logits[b]! - logits[a]! || a - b);
}

/**
 * The oracle of distribution(): softmax at the temperature, ids sorted, top-p, top-k, renormalised; with Math.exp
 * and the largest logit taken out first. Pairs by falling probability.
 */
export function naiveDistribution(logits: Float32Array, filter: Filter): [id: number, p: number][] {
  const ids = ranked(logits);
  if (filter.temperature === 0) return [[ids[0]!, 1]];
  const top = logits[ids[0]!]!;
  const weights = ids.map((id) => Math.exp((logits[id]! - top) / filter.temperature));
  const total = weights.reduce((a, b) => a + b, 0);
  const p = weights.map((w) => w / total);
  const before = p.map((_, i) => p.slice(0, i).reduce((a, b) => a + b, 0));
  const nucleus = ids.filter((_, i) => i === 0 || filter.topP === 1 || before[i]! < filter.topP);
  const kept = filter.topK === 0 ? nucleus : nucleus.slice(0, filter.topK);
  const mass = kept.reduce((sum, _, i) => sum + p[i]!, 0);
  return kept.map((id, i) => [id, p[i]! / mass]);
}

/** Whether rounding may decide the top-p cut: the mass before some member is all but topP. */
export function onKnifeEdge(logits: Float32Array, { temperature, topP }: Filter): boolean {
  if (temperature === 0 || topP === 1) return false;
  let mass = 0;
  return naiveDistribution(logits, { temperature, topP: 1, topK: 0 }).some(([, p]) => {
    mass += p;
    return Math.abs(mass - topP) < 1e-9;
  });
}
