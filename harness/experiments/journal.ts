import { type FileHandle, open, readFile } from 'node:fs/promises';
import { z } from 'zod';
import { writeError } from '../../runtime/atomic-file.ts';
import { MtplxError } from '../../runtime/errors.ts';
import { type Columns, type RowOf, rowSchema } from './columns.ts';

/** One start of a run: a run that was stopped and resumed has several. */
export interface Session {
  /** ISO 8601. */
  started: string;
  load_average: number[];
}

/** A finished unit: how long it took, and its rows. */
export interface FinishedUnit<Row> {
  unit: string;
  ms: number;
  rows: Row[];
}

export interface JournalContent<Row> {
  sessions: Session[];
  units: FinishedUnit<Row>[];
}

/**
 * The journal of a run: JSON lines, one a session or a finished unit, each flushed before the next unit begins. A crash
 * leaves at most one torn line at the end, which `open` removes.
 */
export class Journal<C extends Columns> {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #columns: C;

  private constructor(path: string, file: FileHandle, columns: C) {
    this.#path = path;
    this.#file = file;
    this.#columns = columns;
  }

  /** Opens a journal to go on with it, made if missing. @throws MtplxError MTPLX_E_RUN_BROKEN, MTPLX_E_UNWRITABLE */
  static async open<C extends Columns>(
    path: string,
    columns: C,
  ): Promise<{ journal: Journal<C>; content: JournalContent<RowOf<C>> }> {
    try {
      const file = await open(path, 'a+');
      try {
        const text = await file.readFile('utf8');
        const { content, bytes } = parseJournal(text, path, columns);
        if (bytes < Buffer.byteLength(text)) await file.truncate(bytes);
        return { journal: new Journal(path, file, columns), content };
      } catch (error) {
        await file.close();
        throw error;
      }
    } catch (cause) {
      throw cause instanceof MtplxError ? cause : writeError(path, cause);
    }
  }

  /** @throws MtplxError MTPLX_E_DISK_FULL, MTPLX_E_UNWRITABLE; a ZodError for rows that are not of the columns */
  async append(entry: { session: Session } | FinishedUnit<RowOf<C>>): Promise<void> {
    const checked = 'session' in entry ? sessionLine.parse(entry) : unitLine(this.#columns).parse(entry);
    const line = `${JSON.stringify(checked)}\n`;
    try {
      await this.#file.appendFile(line);
      await this.#file.sync();
    } catch (cause) {
      throw writeError(this.#path, cause);
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

/** Reads a journal as it is. @throws MtplxError MTPLX_E_RUN_BROKEN */
export async function readJournal<C extends Columns>(path: string, columns: C): Promise<JournalContent<RowOf<C>>> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new MtplxError('MTPLX_E_RUN_BROKEN', { file: path, problem: (cause as Error).message }, { cause });
  });
  return parseJournal(text, path, columns).content;
}

const sessionLine = z.strictObject({
  session: z.strictObject({ started: z.iso.datetime(), load_average: z.array(z.number()) }),
});

function unitLine<C extends Columns>(columns: C) {
  return z.strictObject({ unit: z.string(), ms: z.number().min(0), rows: z.array(rowSchema(columns)) });
}

function parseJournal<C extends Columns>(
  text: string,
  file: string,
  columns: C,
): { content: JournalContent<RowOf<C>>; bytes: number } {
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  const ofUnit = unitLine(columns);
  const content: JournalContent<RowOf<C>> = { sessions: [], units: [] };
  const seen = new Set<string>();
  for (const [i, line] of whole.split('\n').slice(0, -1).entries()) {
    const broken = (problem: string): MtplxError =>
      new MtplxError('MTPLX_E_RUN_BROKEN', { file, problem: `line ${i + 1}: ${problem}` });
    const value = parseJson(line);
    const session = sessionLine.safeParse(value);
    if (session.success) {
      content.sessions.push(session.data.session);
      continue;
    }
    const unit = ofUnit.safeParse(value);
    if (!unit.success) throw broken(z.prettifyError(unit.error));
    if (seen.has(unit.data.unit)) throw broken(`unit ${unit.data.unit} stands there twice`);
    seen.add(unit.data.unit);
    content.units.push(unit.data);
  }
  return { content, bytes: Buffer.byteLength(whole) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
