import { z } from 'zod';

const count = z.int().min(1);

/** How much the gates do; part of a verification's spec, so that its cases follow from it alone. */
export const scaleSchema = z.strictObject({
  /** Lengths of the history at which rows of a verification are compared. */
  positions: z.array(count).min(1),
  /** Rows M of the verifications whose commits 0 … M are compared. */
  commit_rows: z.array(z.int().min(1).max(9)).min(1),
  /** Length of the prompt that is cut into chunks, and the chunks. */
  prefill_length: count,
  chunks: z.array(count).min(1),
  /** Coupled texts: how many a setting, how long, with which depths. */
  identity_texts: count,
  identity_tokens: z.int().min(2),
  identity_depths: z.array(z.int().min(1).max(8)).min(1),
  /** Draws of each test of a distribution, and whole cycles of the engine beside them. */
  draws: count,
  cycles: count,
  /** Places of the text at which wrong samplers are looked for, at most. */
  places: count,
  /** Whole texts of each arm, speculative and plain, and their length. */
  mmd_texts: count,
  mmd_tokens: count,
  /** Random toy models whose texts are enumerated. */
  oracle_models: count,
  /** Positions at which right and wrong heads are compared. */
  head_tokens: count,
});
export type Scale = z.infer<typeof scaleSchema>;

const standard: Scale = {
  positions: [1, 64, 500, 2000],
  commit_rows: [1, 2, 3, 4, 5, 6, 7, 8, 9],
  prefill_length: 520,
  chunks: [512, 64, 7, 1],
  identity_texts: 4,
  identity_tokens: 500,
  identity_depths: [1, 2, 3, 4, 5],
  draws: 20_000,
  cycles: 200,
  places: 48,
  mmd_texts: 48,
  mmd_tokens: 32,
  oracle_models: 60,
  head_tokens: 4160,
};

/**
 * Scales by falling size. A default verification takes the first of `standard`, `reduced` and `least` that is predicted
 * to fit its time; `quick` is a look, `full` takes what it takes.
 */
export const scales = {
  full: {
    ...standard,
    positions: [1, 64, 500, 2000, 4000],
    identity_texts: 8,
    identity_tokens: 1000,
    mmd_texts: 96,
    oracle_models: 400,
  },
  standard,
  reduced: {
    ...standard,
    positions: [1, 64, 500],
    commit_rows: [4, 9],
    prefill_length: 140,
    chunks: [64, 7],
    identity_texts: 2,
    identity_tokens: 100,
    identity_depths: [1, 3, 5],
    cycles: 50,
    mmd_texts: 16,
    mmd_tokens: 16,
  },
  least: {
    ...standard,
    positions: [1, 64],
    commit_rows: [4],
    prefill_length: 80,
    chunks: [64, 7],
    identity_texts: 1,
    identity_tokens: 32,
    identity_depths: [3],
    cycles: 10,
    places: 12,
    mmd_texts: 12,
    mmd_tokens: 16,
    oracle_models: 20,
    head_tokens: 1024,
  },
  quick: {
    ...standard,
    positions: [1, 64, 300],
    commit_rows: [4, 9],
    prefill_length: 140,
    chunks: [64, 7, 1],
    identity_texts: 1,
    identity_tokens: 60,
    identity_depths: [1, 3, 5],
    cycles: 30,
    mmd_texts: 12,
    mmd_tokens: 16,
    oracle_models: 20,
    head_tokens: 992,
  },
} satisfies Record<string, Scale>;
export type ScaleName = keyof typeof scales;
