import { z } from 'zod';
import { headerSchema } from '../header.ts';
import { estimateSchema, positionSchema } from './positions.ts';

const count = z.int().min(0);

/** How drafts fared in some generations. What the end of a text cut off counts: an end says nothing about acceptance. */
export const acceptanceSchema = z.strictObject({
  generations: count,
  cycles: count,
  drafted: count,
  accepted: count,
  /** accepted / drafted */
  acceptance_rate: z.number().min(0).max(1),
  /** 1 + accepted drafts a cycle; 95 % bootstrap interval over prompts and their repeats, of one text alone over its cycles. */
  accepted_length: estimateSchema,
  positions: z.array(positionSchema),
});

/** What `mtplx bench acceptance --json` prints, and the record carries. */
export const acceptanceStudySchema = headerSchema.extend({
  /** The rule of the context series and of `by_prompt`, at the suite's temperature. */
  acceptance: z.enum(['leviathan', 'coupled']),
  depth: z.int().min(1),
  runs: z.int().min(1),
  seed: z.int().min(0),
  by_sampling: z.array(
    acceptanceSchema.extend({ temperature: z.number().min(0), acceptance: z.enum(['leviathan', 'coupled']) }),
  ),
  /** Accepted length with coupled over that with leviathan, both on the same prompts; where both rules ran. */
  coupled_over_leviathan: z.array(z.strictObject({ temperature: z.number().min(0), ratio: estimateSchema })),
  /** At the suite's temperature with `acceptance`. */
  by_prompt: z.array(acceptanceSchema.extend({ prompt: z.string() })),
  /** Suite whose prompts' ends are the contexts; null without contexts. */
  context_suite: z.string().nullable(),
  by_context: z.array(
    acceptanceSchema.extend({
      context: z.int().min(1),
      /** Prompts that are long enough, and their mean length in tokens as they were used. */
      prompts: count,
      prompt_tokens: z.number().min(0),
    }),
  ),
});

export type Acceptance = z.infer<typeof acceptanceSchema>;
export type AcceptanceStudy = z.infer<typeof acceptanceStudySchema>;
