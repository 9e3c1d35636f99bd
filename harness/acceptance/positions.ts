import { z } from 'zod';
import type { CycleRecord } from '../../runtime/decoding/cycle.ts';
import { wilson } from '../intervals.ts';

const share = z.number().min(0).max(1);

/** A number with a 95 % interval. */
export const estimateSchema = z.strictObject({ value: z.number(), low: z.number(), high: z.number() });

/** How drafts at one position of their cycle fared. Intervals are Wilson's and take cycles as independent. */
export const positionSchema = z.strictObject({
  /** From 1. */
  position: z.int().min(1),
  /** Cycles that drafted as far as here, and those in which this draft and all before it were accepted. */
  drafted: z.int().min(0),
  accepted: z.int().min(0),
  /** accepted / drafted */
  per_step: z.strictObject({ value: share, low: share, high: share }),
  /** accepted / accepted at the position before, among the cycles that drafted as far as here. */
  conditional: z.strictObject({ value: share, low: share, high: share }),
});

export type PositionAcceptance = z.infer<typeof positionSchema>;

/** What the rule decided, drafts that the end of a text cut off included: an end says nothing about acceptance. */
export type Verdicts = Pick<CycleRecord, 'drafted' | 'accepted'>;

/** Acceptance at the positions 1 … deepest. */
export function positionsOf(cycles: readonly Verdicts[]): PositionAcceptance[] {
  const deepest = cycles.reduce((most, { drafted }) => Math.max(most, drafted), 0);
  return Array.from({ length: deepest }, (_, i) => {
    const position = i + 1;
    const reached = cycles.filter(({ drafted }) => drafted >= position);
    const accepted = reached.filter((cycle) => cycle.accepted >= position).length;
    const before = reached.filter((cycle) => cycle.accepted >= position - 1).length;
    return {
      position,
      drafted: reached.length,
      accepted,
      per_step: wilson(accepted, reached.length),
      conditional: wilson(accepted, before),
    };
  });
}

/** Tokens that a cycle of this depth gives on average, had no end cut it off: 1 + accepted. 0 without cycles. */
export function lengthOf(cycles: readonly Verdicts[]): number {
  if (cycles.length === 0) return 0;
  return 1 + cycles.reduce((sum, { accepted }) => sum + accepted, 0) / cycles.length;
}
