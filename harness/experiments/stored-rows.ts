import { join } from 'node:path';
import { z } from 'zod';
import { MtplxError } from '../../runtime/errors.ts';
import { readRecord } from '../record.ts';
import { type Columns, rowsOfRecord } from './columns.ts';
import type { RunDescription } from './description.ts';
import type { StoredRow } from './experiment.ts';
import { runFiles } from './folder.ts';
import type { Session } from './journal.ts';

/** What rows.arrow says beside its rows: each value as JSON under its name. */
interface RecordMetadata {
  description: RunDescription;
  sessions: Session[];
  /** Milliseconds that each unit took. */
  unit_ms: Record<string, number>;
  result: unknown;
}

export function recordMetadata(metadata: RecordMetadata): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata).map(([name, value]) => [name, JSON.stringify(value)]));
}

/** Rows of a complete run, and how long each unit took. @throws MtplxError MTPLX_E_RUN_BROKEN */
export async function readRows<C extends Columns>(
  columns: C,
  folder: string,
): Promise<{ rows: StoredRow<C>[]; unitMs: Map<string, number> }> {
  const file = join(folder, runFiles.record);
  const { rows, metadata } = await readRecord(file);
  try {
    const times = z.record(z.string(), z.number()).parse(JSON.parse(metadata['unit_ms'] ?? ''));
    const stored = rowsOfRecord({ ...columns, unit: 'text' }, rows);
    return { rows: stored as StoredRow<C>[], unitMs: new Map(Object.entries(times)) };
  } catch (cause) {
    const problem = cause instanceof z.ZodError ? z.prettifyError(cause) : (cause as Error).message;
    throw new MtplxError('MTPLX_E_RUN_BROKEN', { file, problem }, { cause });
  }
}
