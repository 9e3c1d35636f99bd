import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { execute } from '@oclif/core/execute';
import { normalizeArgv } from '@oclif/core/help';
import { settings } from '@oclif/core/settings';

/** Runs the command line from dist/, or from the sources when nothing is compiled or MTPLX_DEV is set. */
export async function main() {
  // A reader that went away (`mtplx run … | head`) ends the command quietly, as it ends other programs.
  process.stdout.on('error', (error) => {
    if (error.code === 'EPIPE') process.exit(0);
  });
  const root = join(import.meta.dirname, '..');
  // Node strips the types itself; oclif's own way would load the TypeScript compiler.
  settings.enableAutoTranspile = false;
  await execute({ loadOptions: fromSources(root) ? sourceOptions(root) : await options(root) });
}

/** oclif without its plugins for a command of ours, with them for help and what it does not know. */
async function options(root) {
  const { ownCommands } = await import('../dist/cli/own-commands.js');
  const own = await ownCommands(root);
  const [id] = normalizeArgv(own, process.argv.slice(2));
  return own.findCommand(id) ? own : { root };
}

function fromSources(root) {
  return Boolean(process.env.MTPLX_DEV) || !existsSync(join(root, 'dist/cli/commands'));
}

function sourceOptions(root) {
  const pjson = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  // The manifest names files of dist/.
  return { root, ignoreManifest: true, pjson: { ...pjson, oclif: { ...pjson.oclif, commands: './cli/commands' } } };
}
