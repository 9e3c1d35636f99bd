import { z } from 'zod';
import { armSchema } from '../bench/document.ts';
import { headerSchema } from '../header.ts';
import { estimateSchema, positionSchema } from './positions.ts';

/**
 * One arm of a sweep. Every estimate has a 95 % bootstrap interval over prompts and their repeats, each a block in
 * which the arm and plain decoding ran side by side.
 */
export const sweepArmSchema = armSchema.omit({ projected_speedup: true, coupled: true }).extend({
  estimates: z.strictObject({
    speedup_vs_ar: estimateSchema,
    speedup_of_totals: estimateSchema,
    /** Emitted tokens a cycle. */
    accepted_length: estimateSchema,
    /** c(K): a cycle over a plain step, median of the blocks' ratios of medians. */
    cycle_cost: estimateSchema,
    /** The verify phase alone, in the same way. */
    verify_over_step: estimateSchema,
    /** accepted_length ÷ cycle_cost: what `speedup_of_totals` would be if every cycle took the median's time. */
    predicted_speedup: estimateSchema,
  }),
  /** speedup_of_totals ÷ predicted_speedup − 1. */
  prediction_error: z.number(),
  positions: z.array(positionSchema),
});

/** What `mtplx bench sweep --json` prints, and the record carries. */
export const sweepSchema = headerSchema.extend({
  runs: z.int().min(1),
  seed: z.int().min(0),
  acceptance: z.enum(['leviathan', 'coupled']),
  /** The fastest arm by `speedup_vs_ar`; `ar` when no depth gains anything. */
  best_arm: z.string(),
  arms: z.array(sweepArmSchema).min(1),
  /** With the coupled rule: whether every arm emitted the same tokens, and where not, in words. null with leviathan. */
  same_text: z.boolean().nullable(),
  first_difference: z.string().nullable(),
  /** Arms whose measured and predicted ratio differ by more than 10 %. */
  warnings: z.array(z.string()),
});

export type SweepArm = z.infer<typeof sweepArmSchema>;
export type SweepDocument = z.infer<typeof sweepSchema>;
