import { join } from 'node:path';
import { z } from 'zod';
import type { Columns } from './columns.ts';
import type { Experiment } from './experiment.ts';
import { readResult, runFiles, type StoredRun } from './folder.ts';
import { readJournal } from './journal.ts';
import { specOf } from './fit.ts';
import { MtplxError } from '../../runtime/errors.ts';

/** A run in a few words. */
export const runEntrySchema = z.strictObject({
  name: z.string(),
  folder: z.string(),
  experiment: z.string(),
  started: z.string(),
  model: z.string().nullable(),
  commit: z.string().nullable(),
  dirty: z.boolean().nullable(),
  state: z.enum(['complete', 'stopped', 'running', 'unreadable']),
  /** The result in a few words; how far it is, for one that is not complete; the problem, for an unreadable one. */
  headline: z.string(),
});

export type RunEntry = z.infer<typeof runEntrySchema>;

/** `experiment` is null when this version does not know it. */
export async function runEntry<Spec, C extends Columns, Result>(
  run: StoredRun,
  experiment: Experiment<Spec, C, Result> | null,
): Promise<RunEntry> {
  const { name, folder, state, description } = run;
  const { started, model, commit, dirty } = description;
  const entry = {
    name,
    folder,
    experiment: description.experiment,
    started,
    model: model?.name ?? null,
    commit,
    dirty,
  };
  if (experiment === null) return { ...entry, state, headline: 'an experiment of another version' };
  try {
    return { ...entry, state, headline: await headlineOf(run, experiment) };
  } catch (error) {
    if (!(error instanceof MtplxError)) throw error;
    return { ...entry, state: 'unreadable', headline: error.message.split('\n')[0]! };
  }
}

async function headlineOf<Spec, C extends Columns, Result>(
  { folder, state, description }: StoredRun,
  experiment: Experiment<Spec, C, Result>,
): Promise<string> {
  if (state === 'complete') return experiment.headline(await readResult(folder, experiment.resultSchema));
  const total = experiment.units(specOf(experiment, folder, description)).length;
  const { units } = await readJournal(join(folder, runFiles.journal), experiment.columns);
  return `${units.length} of ${total} parts`;
}
