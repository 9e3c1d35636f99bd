import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { MtplxError } from './errors.ts';

/**
 * Writes a file aside, flushes it and renames it: under its name stands the old content or the new one, never a part.
 * @throws MtplxError MTPLX_E_UNWRITABLE, MTPLX_E_DISK_FULL
 */
export async function writeAtomic(path: string, content: string | Uint8Array): Promise<void> {
  const partial = `${path}.${process.pid}.partial`;
  try {
    const file = await open(partial, 'w');
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(partial, path);
    await syncFolder(dirname(path));
  } catch (cause) {
    await rm(partial, { force: true }).catch(() => undefined);
    throw writeError(path, cause);
  }
}

/** Makes new names in a folder last over a crash of the machine. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Why `path` could not be written, as an error of the table. */
export function writeError(path: string, cause: unknown): MtplxError {
  const { code, message } = cause as NodeJS.ErrnoException;
  return code === 'ENOSPC' || code === 'EDQUOT'
    ? new MtplxError('MTPLX_E_DISK_FULL', { path }, { cause })
    : new MtplxError('MTPLX_E_UNWRITABLE', { path, reason: message }, { cause });
}
