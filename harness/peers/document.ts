import { z } from 'zod';
import { estimateSchema } from '../acceptance/positions.ts';
import { headerSchema } from '../header.ts';

const positive = z.number().min(0);

/** One of our arms, or the server. Tokens after the first, over the time from the first to the last. */
const speeds = {
  tok_s: positive,
  /** Every token over the time from the request to the last one: prefill, and over HTTP the way, included. */
  whole_tok_s: positive,
  /** Median time from the request to the first token. */
  ttft_ms: positive,
  generations: z.int().min(1),
  /** New tokens of a generation, smallest and largest: a server may end a text that we go on with. */
  new_tokens: z.tuple([z.int(), z.int()]),
};

/** What `mtplx bench compare --json` prints, and the record carries. */
export const compareSchema = headerSchema.extend({
  runs: z.int().min(1),
  seed: z.int().min(0),
  acceptance: z.enum(['leviathan', 'coupled']),
  server: z.strictObject({
    /** The command that started it; null for one that ran already. */
    command: z.string().nullable(),
    endpoint: z.enum(['completions', 'chat']),
    ...speeds,
    /** `server`: it counted its tokens; `text`: its text was encoded again with our tokenizer. */
    counted: z.enum(['server', 'text']),
    /** Largest resident bytes of its processes; null where nobody tells. */
    peak_rss_bytes: z.int().min(0).nullable(),
    /** Prompts that have another number of tokens there, in words. */
    other_prompts: z.array(z.string()),
  }),
  /** Our arms, each over the server on the same prompts. 95 % bootstrap intervals over prompts and their repeats. */
  arms: z
    .array(
      z.strictObject({
        name: z.string(),
        depth: z.int().min(0),
        ...speeds,
        /** Mean of the prompts' ratios of tok_s, and ratio of the sums. */
        ratio: estimateSchema,
        ratio_of_totals: estimateSchema,
        /** Mean of the prompts' ratios of whole_tok_s. */
        whole_ratio: estimateSchema,
      }),
    )
    .min(1),
  /** Largest resident bytes of our own process. */
  peak_rss_bytes: z.int().min(0),
});

export type CompareDocument = z.infer<typeof compareSchema>;
