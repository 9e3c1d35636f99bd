import { rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { writeAtomic, writeError } from '../../runtime/atomic-file.ts';
import { type Contract, contractName } from '../../runtime/model/contract.ts';

/**
 * Where the contract goes: into the model's folder, or to `out`, a file or a folder. Tries beforehand whether it can be
 * written there: nobody wants to learn that after a quarter of an hour.
 * @throws MtplxError MTPLX_E_UNWRITABLE, MTPLX_E_DISK_FULL
 */
export async function contractTarget(modelFolder: string, out: string | undefined): Promise<string> {
  const given = resolve(out ?? modelFolder);
  const isFolder = out === undefined || (await isDirectory(given));
  const path = isFolder ? join(given, contractName) : given;
  const probe = `${path}.${process.pid}.probe`;
  try {
    await writeFile(probe, '');
  } catch (cause) {
    throw writeError(path, cause);
  } finally {
    await rm(probe, { force: true });
  }
  return path;
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** Writes the contract aside, flushes and renames it. @throws MtplxError MTPLX_E_UNWRITABLE, MTPLX_E_DISK_FULL */
export async function writeContract(path: string, contract: Contract): Promise<void> {
  await writeAtomic(path, `${JSON.stringify(contract, null, 2)}\n`);
}
