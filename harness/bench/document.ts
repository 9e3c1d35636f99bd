import { z } from 'zod';
import { modelSchema } from '../experiments/description.ts';
import { machineSchema } from '../machine.ts';

const count = z.int().min(0);
const share = z.number().min(0).max(1);
const positive = z.number().min(0);
const filter = z.strictObject({ temperature: positive, top_p: share, top_k: count });

/**
 * Speed of one arm beside plain decoding, over the generations of one acceptance rule. A prompt's ratio is the arm's tokens a
 * second over plain decoding's, each over all runs of that prompt.
 */
export const comparisonSchema = z.strictObject({
  /** Emitted tokens after the first of each generation, over the time that they took. */
  tok_s: positive,
  /** Mean of the prompts' ratios. */
  speedup_vs_ar: positive,
  /** Ratio of `tok_s`: every token weighs the same. */
  speedup_of_totals: positive,
  /** Smallest and largest of the prompts' ratios. */
  speedup_range: z.tuple([positive, positive]),
  /** Emitted tokens a cycle. */
  accepted_length: positive,
});

/** One arm. Times of phases are medians over its cycles, in milliseconds. */
export const armSchema = comparisonSchema.extend({
  name: z.string(),
  /** Drafts a cycle. */
  depth: count,
  /** Median time from the prompt's tokens to the first new one. */
  ttft_ms: positive,
  /** accepted_length ÷ (median cycle ÷ median plain step): what `speedup_vs_ar` would be on an undisturbed machine. */
  projected_speedup: positive,
  /** Drafts emitted at position i / cycles. */
  acceptance_per_step: z.array(share),
  /** Drafts emitted at position i / drafts emitted at position i - 1 (cycles for the first). */
  acceptance_conditional: z.array(share),
  /** Emitted drafts / drafted. */
  acceptance_rate: share,
  cycles: count,
  /** emitted = first + accepted + corrections + bonuses - truncated */
  emitted: count,
  first: count,
  drafted: count,
  /** Emitted drafts; what an end cut off does not count. */
  accepted: count,
  corrections: count,
  bonuses: count,
  /** Corrections and bonuses that an end cut off. */
  truncated: count,
  /** Inside kernels, by phase. */
  draft_ms: positive,
  verify_ms: positive,
  commit_ms: positive,
  candidates_ms: positive,
  /** On the engine thread outside kernels. */
  overhead_ms: positive,
  /** Outside the engine thread: the hop, and the decision in TypeScript. */
  outside_ms: positive,
  cycle_ms: positive,
  /** Median verify time of the arm's cycles over the median verify time of a plain step: M rows against one. */
  verify_over_step: positive,
  /** The arm with the coupled rule; null when that was not run. */
  coupled: comparisonSchema.nullable(),
});

/** What `mtplx bench run --json` prints, and the record carries. */
export const benchSchema = z.strictObject({
  suite: z.string(),
  spec_version: z.int(),
  suite_sha256: z.string().length(64),
  prompts: count,
  max_tokens: count,
  runs: count,
  /** Seed of prompt p in run r: seed + p + 1000 · r. */
  seed: count,
  sampler: filter,
  draft_sampler: filter,
  acceptance: z.enum(['leviathan', 'coupled']),
  mtplx: z.string(),
  /** See runtime/numerics.ts. */
  numerics_version: z.int().min(1),
  /** Checked-out commit and whether files differ from it; null for an installed package. */
  commit: z.string().nullable(),
  dirty: z.boolean().nullable(),
  /** When the measurement began, ISO 8601. */
  started: z.iso.datetime(),
  machine: machineSchema,
  backend: z.string(),
  engine: z.strictObject({ mlx: z.string(), isa: z.string(), threads: z.int().min(1), compiler: z.string() }),
  model: modelSchema,
  /** Largest resident size of the process so far, the load of the model included. */
  peak_rss_bytes: count,
  /** Path of the record: one row a cycle. */
  arrow_file: z.string(),
  /** The fastest arm by `speedup_vs_ar`; `ar` when no draft depth gains anything. */
  best_arm: z.string(),
  /** Of the best arm that drafts, so below 1 when drafting loses; null without such an arm. */
  mean_speedup_vs_ar: positive.nullable(),
  speedup_of_totals: positive.nullable(),
  projected_speedup: positive.nullable(),
  /** The same with the coupled rule, where all arms must emit the same tokens; null when it was not run. */
  coupled: z
    .strictObject({
      runs: count,
      mean_speedup_vs_ar: positive,
      speedup_of_totals: positive,
      same_text: z.boolean(),
      /** Where two arms differ first, in words. */
      first_difference: z.string().nullable(),
    })
    .nullable(),
  arms: z.array(armSchema).min(1),
});

export type Comparison = z.infer<typeof comparisonSchema>;
export type ArmResult = z.infer<typeof armSchema>;
export type BenchDocument = z.infer<typeof benchSchema>;
