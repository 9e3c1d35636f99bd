import type { MeasuredGeneration } from '../bench/measure.ts';

/** What one second of a sustained run gave. */
export interface Bucket {
  /** From 0, counted from the start of the leg. */
  second: number;
  /** Tokens that were there in this second, the first of each prompt included. */
  emitted: number;
  cycles: number;
  drafted: number;
  /** Drafts that the rule accepted. */
  accepted: number;
}

/**
 * Steps of generations that ran one after the other, by the second in which their tokens came. The time between
 * generations and the prefills count: this is what a machine gives that never stops. Steps after the last whole
 * second are left out.
 * @param beginMs start of the leg on the clock of the generations' `beginMs`
 */
export function bucketsOf(generations: readonly MeasuredGeneration[], beginMs: number, seconds: number): Bucket[] {
  const buckets = Array.from({ length: seconds }, (_, second): Bucket => {
    return { second, emitted: 0, cycles: 0, drafted: 0, accepted: 0 };
  });
  for (const generation of generations)
    for (const { tokens, cycle, atMs } of generation.steps) {
      const bucket = buckets[Math.floor((generation.beginMs + atMs - beginMs) / 1000)];
      if (bucket === undefined) continue;
      bucket.emitted += tokens.length;
      bucket.cycles += cycle === null ? 0 : 1;
      bucket.drafted += cycle?.drafted ?? 0;
      bucket.accepted += cycle?.accepted ?? 0;
    }
  return buckets;
}
