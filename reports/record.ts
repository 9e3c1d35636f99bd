import { stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { descriptionSchema, type RunDescription } from '../harness/experiments/description.ts';
import { readRecord } from '../harness/record.ts';
import { MtplxError } from '../runtime/errors.ts';

/** A run as a report sees it. */
export interface ReportRecord {
  /** Name of the run's folder. */
  name: string;
  description: RunDescription;
  result: unknown;
  /** Cells are plain JSON; which columns there are depends on the experiment. */
  rows: readonly Readonly<Record<string, unknown>>[];
}

/**
 * The record of a complete run: its folder, or the Arrow file itself.
 * @throws MtplxError MTPLX_E_RUN_BROKEN
 */
export async function openRecord(path: string): Promise<ReportRecord> {
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  const file = isFolder ? join(path, 'rows.arrow') : path;
  const { rows, metadata } = await readRecord(file);
  const name = basename(dirname(resolve(file)));
  try {
    const description = descriptionSchema.parse(JSON.parse(metadata['description'] ?? ''));
    return { name, description, result: JSON.parse(metadata['result'] ?? 'null'), rows };
  } catch (cause) {
    const problem = cause instanceof z.ZodError ? z.prettifyError(cause) : (cause as Error).message;
    throw new MtplxError('MTPLX_E_RUN_BROKEN', { file, problem }, { cause });
  }
}

/** Rows that fit `schema`, with its columns alone. An experiment whose rows are of several kinds leaves null what a kind lacks. */
export function rowsWith<T>({ rows }: Pick<ReportRecord, 'rows'>, schema: z.ZodType<T>): T[] {
  return rows.map((row) => schema.safeParse(row)).flatMap(({ success, data }) => (success ? [data] : []));
}

/** What tells these records apart, in a few words each; empty for a single one. */
export function labelsOf(records: readonly Pick<ReportRecord, 'name' | 'description'>[]): string[] {
  if (records.length === 1) return [''];
  const facts: ((description: RunDescription) => string)[] = [
    ({ experiment }) => experiment,
    ({ model }) => model?.name ?? 'no model',
    ({ model }) => model?.hash.slice(0, 8) ?? 'no model',
    ({ commit, dirty }) => (commit === null ? 'no commit' : `${commit.slice(0, 9)}${dirty ? '*' : ''}`),
    ({ machine }) => machine.cpu,
    ({ engine }) => (engine === null ? 'no engine' : `${engine.isa}, threads ${engine.threads}`),
  ];
  const differing = facts.filter((fact) => new Set(records.map(({ description }) => fact(description))).size > 1);
  const labels = records.map(({ description }) => differing.map((fact) => fact(description)).join(', '));
  const unique = new Set(labels).size === labels.length;
  return unique ? labels : labels.map((label, i) => [label, records[i]!.name].filter((part) => part !== '').join(', '));
}
