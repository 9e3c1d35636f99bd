import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { execute, settings } from '@oclif/core';

/** Runs the command line from dist/, or from the sources when nothing is compiled or MTPLX_DEV is set. */
export async function main() {
  keepHeapSmall();
  // A reader that went away (`mtplx run … | head`) ends the command quietly, as it ends other programs.
  process.stdout.on('error', (error) => {
    if (error.code === 'EPIPE') process.exit(0);
  });
  const root = join(import.meta.dirname, '..');
  // Node strips the types itself; oclif's own way would load the TypeScript compiler.
  settings.enableAutoTranspile = false;
  await execute({ loadOptions: fromSources(root) ? sourceOptions(root) : { root } });
}

/** The models need the memory: 9 MB less at the peak of a run, and no slower (reports/LOG.md, 2026-11-28). */
function keepHeapSmall() {
  setFlagsFromString('--optimize-for-size');
  setFlagsFromString('--semi-space-growth-factor=1');
}

function fromSources(root) {
  return Boolean(process.env.MTPLX_DEV) || !existsSync(join(root, 'dist/cli/commands'));
}

function sourceOptions(root) {
  const pjson = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  // The manifest names files of dist/.
  return { root, ignoreManifest: true, pjson: { ...pjson, oclif: { ...pjson.oclif, commands: './cli/commands' } } };
}
