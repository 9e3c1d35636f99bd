import { z } from 'zod';
import type { SuiteChoice } from './bench/suite-choice.ts';
import { engineSchema, modelSchema } from './experiments/description.ts';
import type { SummaryContext } from './experiments/experiment.ts';
import { machineSchema } from './machine.ts';
import { suiteSchema } from './suites/suite.ts';

/** Where and with what a document was measured: the beginning of what experiments on a suite print. */
export const headerSchema = z.strictObject({
  suite: z.string(),
  spec_version: z.int(),
  suite_sha256: z.string().length(64),
  prompts: z.int().min(1),
  max_tokens: z.int().min(1),
  sampler: suiteSchema.shape.settings.shape.sampler,
  draft_sampler: suiteSchema.shape.settings.shape.draft_sampler,
  mtplx: z.string(),
  numerics_version: z.int().min(1),
  /** Checked-out commit and whether files differ from it; null for an installed package. */
  commit: z.string().nullable(),
  dirty: z.boolean().nullable(),
  /** When the measurement began, ISO 8601. */
  started: z.iso.datetime(),
  machine: machineSchema,
  engine: engineSchema,
  model: modelSchema,
  /** Path of the record. */
  arrow_file: z.string(),
});

export type DocumentHeader = z.infer<typeof headerSchema>;

export function headerOf(suite: SuiteChoice, { description, arrowFile }: SummaryContext): DocumentHeader {
  const { mtplx, numerics_version, commit, dirty, started, machine, engine, model } = description;
  const { sampler, draft_sampler, max_tokens } = suite.settings;
  return {
    suite: suite.name,
    spec_version: suite.spec_version,
    suite_sha256: suite.sha256,
    prompts: suite.prompts.length,
    max_tokens,
    sampler,
    draft_sampler,
    mtplx,
    numerics_version,
    commit,
    dirty,
    started,
    machine,
    engine: engine!,
    model: model!,
    arrow_file: arrowFile,
  };
}
