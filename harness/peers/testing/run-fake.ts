import { join } from 'node:path';
import { packageRoot } from '../../../runtime/package.ts';
import type { Quirk } from './fake-server.ts';

/** Command of a fake server; `{port}` stays for PeerServer to fill in. */
export function fakeCommand(...quirks: Quirk[]): string {
  const script = join(packageRoot, 'harness/peers/testing/fake-server.ts');
  const flags = quirks.map((quirk) => ` --quirk ${quirk}`).join('');
  return `'${process.execPath}' '${script}' --port {port}${flags}`;
}

/** What MtplxError's code and message an action ends with. */
export async function failureOf(action: Promise<unknown>): Promise<{ code: string; message: string }> {
  return action.then(
    () => ({ code: 'none', message: 'it did not fail' }),
    (error: unknown) => error as { code: string; message: string },
  );
}
