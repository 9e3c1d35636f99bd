import { z } from 'zod';
import type { SuiteChoice } from './bench/suite-choice.ts';
import { engineSchema, modelSchema } from './experiments/description.ts';
import type { SummaryContext } from './experiments/experiment.ts';
import { machineSchema } from './machine.ts';
import { suiteSchema } from './suites/suite.ts';

/** Where and when a document was measured, and its record: what all experiments print. */
export const originSchema = z.strictObject({
  mtplx: z.string(),
  /** Checked-out commit and whether files differ from it; null for an installed package. */
  commit: z.string().nullable(),
  dirty: z.boolean().nullable(),
  /** When the measurement began, ISO 8601. */
  started: z.iso.datetime(),
  machine: machineSchema,
  /** Path of the record. */
  arrow_file: z.string(),
});

export function originOf({ description, arrowFile }: SummaryContext): z.infer<typeof originSchema> {
  const { mtplx, commit, dirty, started, machine } = description;
  return { mtplx, commit, dirty, started, machine, arrow_file: arrowFile };
}

/** The same with the suite, the engine and the model: the beginning of what experiments on a suite print. */
export const headerSchema = z.strictObject({
  suite: z.string(),
  spec_version: z.int(),
  suite_sha256: z.string().length(64),
  prompts: z.int().min(1),
  max_tokens: z.int().min(1),
  sampler: suiteSchema.shape.settings.shape.sampler,
  draft_sampler: suiteSchema.shape.settings.shape.draft_sampler,
  ...originSchema.shape,
  numerics_version: z.int().min(1),
  engine: engineSchema,
  model: modelSchema,
});

export type DocumentHeader = z.infer<typeof headerSchema>;

export function headerOf(suite: SuiteChoice, context: SummaryContext): DocumentHeader {
  const { numerics_version, engine, model } = context.description;
  const { sampler, draft_sampler, max_tokens } = suite.settings;
  return {
    suite: suite.name,
    spec_version: suite.spec_version,
    suite_sha256: suite.sha256,
    prompts: suite.prompts.length,
    max_tokens,
    sampler,
    draft_sampler,
    ...originOf(context),
    numerics_version,
    engine: engine!,
    model: model!,
  };
}
