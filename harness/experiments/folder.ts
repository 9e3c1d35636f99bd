import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { z } from 'zod';
import { writeAtomic, writeError } from '../../runtime/atomic-file.ts';
import { MtplxError } from '../../runtime/errors.ts';
import { descriptionSchema, type RunDescription } from './description.ts';

/** Where runs leave their folders, below the working directory. */
export const runsFolder = 'mtplx-runs';

/** Files of a run's folder. `result.json` is written last: with it a run is complete. */
export const runFiles = {
  description: 'spec.json',
  journal: 'journal.jsonl',
  record: 'rows.arrow',
  result: 'result.json',
  /** Holds the process id while a process works on the run. */
  lock: 'lock',
} as const;

/**
 * A new folder `<date>-<name>`, the date to the second in UTC; a number follows when it is taken.
 * @throws MtplxError MTPLX_E_UNWRITABLE, MTPLX_E_DISK_FULL
 */
export async function createRunFolder(parent: string, name: string, started: Date): Promise<string> {
  const stamp = started.toISOString().slice(0, 19).replaceAll(':', '-');
  const path = join(parent, `${stamp}-${name.replaceAll(/[^\w.-]+/g, '-')}`);
  try {
    await mkdir(parent, { recursive: true });
    for (let number = 1; ; number++) {
      const folder = number === 1 ? path : `${path}-${number}`;
      try {
        await mkdir(folder);
        return folder;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
    }
  } catch (cause) {
    throw writeError(path, cause);
  }
}

export type RunState = 'complete' | 'stopped' | 'running';

export interface StoredRun {
  /** Name of the folder. */
  name: string;
  folder: string;
  state: RunState;
  description: RunDescription;
}

/** All runs below `parent`, oldest first; folders that hold no readable run are told apart. */
export async function listRuns(parent: string): Promise<{ runs: StoredRun[]; broken: MtplxError[] }> {
  const entries = await readdir(parent, { withFileTypes: true }).catch(() => []);
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(parent, name));
  const runs: StoredRun[] = [];
  const broken: MtplxError[] = [];
  for (const folder of folders.toSorted()) {
    try {
      runs.push(await openRun(folder));
    } catch (error) {
      if (!(error instanceof MtplxError)) throw error;
      if (error.code !== 'MTPLX_E_RUN_NOT_FOUND') broken.push(error);
    }
  }
  return { runs, broken };
}

/**
 * A run by its name below `parent`, or by the path of its folder.
 * @throws MtplxError MTPLX_E_RUN_NOT_FOUND, MTPLX_E_RUN_BROKEN
 */
export async function findRun(run: string, parent: string = runsFolder): Promise<StoredRun> {
  const named = join(parent, run);
  return openRun((await exists(named)) ? named : run);
}

async function openRun(folder: string): Promise<StoredRun> {
  const file = join(folder, runFiles.description);
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new MtplxError('MTPLX_E_RUN_NOT_FOUND', { run: folder }, { cause });
  });
  const description = parseJsonFile(text, file, descriptionSchema);
  return { name: basename(resolve(folder)), folder, state: await stateOf(folder), description };
}

async function stateOf(folder: string): Promise<RunState> {
  if (await exists(join(folder, runFiles.result))) return 'complete';
  return (await ownerOf(folder)) === null ? 'stopped' : 'running';
}

/** @throws MtplxError MTPLX_E_RUN_BROKEN */
export function parseJsonFile<T>(text: string, file: string, schema: z.ZodType<T>): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new MtplxError('MTPLX_E_RUN_BROKEN', { file, problem: (cause as Error).message }, { cause });
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new MtplxError('MTPLX_E_RUN_BROKEN', { file, problem: z.prettifyError(parsed.error) });
  return parsed.data;
}

/** The result of a complete run. @throws MtplxError MTPLX_E_RUN_BROKEN */
export async function readResult<T>(folder: string, schema: z.ZodType<T>): Promise<T> {
  const file = join(folder, runFiles.result);
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new MtplxError('MTPLX_E_RUN_BROKEN', { file, problem: (cause as Error).message }, { cause });
  });
  return parseJsonFile(text, file, schema);
}

export async function writeJson(path: string, value: unknown): Promise<void> {
  await writeAtomic(path, `${JSON.stringify(value, null, 2)}\n`);
}

/**
 * Keeps other processes off a run until `release`; a lock that a dead process left is taken over.
 * @throws MtplxError MTPLX_E_RUN_BUSY, MTPLX_E_UNWRITABLE, MTPLX_E_DISK_FULL
 */
export async function lockRun(folder: string): Promise<{ release(): Promise<void> }> {
  const path = join(folder, runFiles.lock);
  const owner = await ownerOf(folder);
  if (owner !== null) throw new MtplxError('MTPLX_E_RUN_BUSY', { run: folder, pid: owner });
  try {
    await rm(path, { force: true });
    await writeFile(path, `${process.pid}\n`, { flag: 'wx' });
  } catch (cause) {
    throw writeError(path, cause);
  }
  return { release: () => rm(path, { force: true }) };
}

/** The live process that works on a run; null for none. */
async function ownerOf(folder: string): Promise<number | null> {
  const pid = Number(await readFile(join(folder, runFiles.lock), 'utf8').catch(() => ''));
  if (!Number.isSafeInteger(pid) || pid < 1) return null;
  try {
    process.kill(pid, 0);
    return pid;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' ? pid : null;
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
