import { execFile } from 'node:child_process';
import { realpath } from 'node:fs/promises';
import { promisify } from 'node:util';
import { packageRoot } from '../runtime/package.ts';

/** Which sources ran: the commit that is checked out, and whether files differ from it. Both null outside a checkout. */
export interface SourceState {
  commit: string | null;
  dirty: boolean | null;
}

const run = promisify(execFile);

/** Asks git about `folder`, which must be the root of a checkout: an installed package lies in somebody else's. */
export async function sourceState(folder: string = packageRoot): Promise<SourceState> {
  try {
    const [root, here] = await Promise.all([git(folder, 'rev-parse', '--show-toplevel'), realpath(folder)]);
    if (root !== here) return { commit: null, dirty: null };
    const commit = await git(folder, 'rev-parse', 'HEAD');
    return { commit, dirty: (await git(folder, 'status', '--porcelain')) !== '' };
  } catch {
    return { commit: null, dirty: null };
  }
}

async function git(folder: string, ...args: string[]): Promise<string> {
  const { stdout } = await run('git', args, { cwd: folder });
  return stdout.trim();
}
