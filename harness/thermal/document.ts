import { z } from 'zod';
import { estimateSchema } from '../acceptance/positions.ts';
import { headerSchema } from '../header.ts';

const positive = z.number().min(0);
/** Of the readings in a leg; null without such a sensor. */
const course = z.strictObject({ first: z.number(), highest: z.number(), last: z.number() }).nullable();

/** One arm, decoding without a pause. Speeds count every token, prefills and pauses between prompts included. */
export const legSchema = z.strictObject({
  /** From 0, in the order in which they ran. */
  leg: z.int().min(0),
  arm: z.string(),
  depth: z.int().min(0),
  seconds: z.int().min(1),
  /** Waited before it. */
  cool_down_s: z.int().min(0),
  tok_s: positive,
  /** Drafts accepted / drafted; null for plain decoding. */
  acceptance_rate: z.number().min(0).max(1).nullable(),
  /** Tokens a second, minute by minute; the last one may be shorter. */
  minutes: z.array(positive),
  /** Seconds at either end that are compared: a minute, or half of a leg that is shorter than two. */
  window_s: z.int().min(0),
  first_tok_s: positive,
  last_tok_s: positive,
  /** last_tok_s ÷ first_tok_s; 95 % bootstrap interval over stretches of ten seconds. */
  drift: estimateSchema,
  temperature_c: course,
  fan_rpm: course,
  clock_mhz: course,
  gpu_temperature_c: course,
  gpu_clock_mhz: course,
});

/** What `mtplx bench thermal --json` prints, and the record carries. */
export const thermalSchema = headerSchema.extend({
  acceptance: z.enum(['leviathan', 'coupled']),
  seed: z.int().min(0),
  minutes: positive,
  rounds: z.int().min(1),
  cool_down_s: z.int().min(0),
  /** Names of the temperature sensors that were read. */
  sensors: z.array(z.string()),
  /** What this machine has no sensor for: these columns are null. */
  missing: z.array(z.string()),
  legs: z.array(legSchema).min(1),
  /** Each arm over the first one, all its legs together: in all, and at either end. */
  ratios: z.array(
    z.strictObject({
      arm: z.string(),
      over: z.string(),
      whole: estimateSchema,
      first_window: estimateSchema,
      last_window: estimateSchema,
    }),
  ),
});

export type Leg = z.infer<typeof legSchema>;
export type ThermalDocument = z.infer<typeof thermalSchema>;
