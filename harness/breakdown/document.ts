import { z } from 'zod';
import { engineSchema, modelSchema } from '../experiments/description.ts';
import { originSchema } from '../header.ts';
import type { CycleParts } from './shares.ts';

const parts = z.strictObject({
  matmul: z.number(),
  gdn: z.number(),
  attention: z.number(),
  other_kernels: z.number(),
  engine_overhead: z.number(),
  hop: z.number(),
  typescript: z.number(),
} satisfies Record<keyof CycleParts, z.ZodNumber>);

/** One depth with one number of threads. Times are microseconds a cycle. */
export const settingSchema = z.strictObject({
  threads: z.int().min(1),
  depth: z.int().min(0),
  cycle_us: z.number(),
  us: parts,
  share: parts,
  /** Bytes a second that this many threads read. */
  read_bytes_per_s: z.number(),
  /** Reading the weights alone: (step + depth · draft) bytes at that speed. */
  bound_us: z.number(),
  kernels: z.array(z.strictObject({ name: z.string(), us: z.number(), calls: z.number() })),
});

/** What `mtplx bench breakdown --json` prints, and the record carries. */
export const breakdownSchema = z.strictObject({
  ...originSchema.shape,
  engine: engineSchema,
  model: modelSchema,
  prompt_tokens: z.int(),
  cycles: z.int(),
  /** Weights that a plain step and a draft read. */
  step_bytes: z.number(),
  draft_bytes: z.number(),
  rows: z.array(settingSchema),
});

export type BreakdownSetting = z.infer<typeof settingSchema>;
export type BreakdownDocument = z.infer<typeof breakdownSchema>;
