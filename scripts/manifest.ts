// Writes oclif.manifest.json from the compiled commands; --check compares it with the committed file instead.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Plugin } from '@oclif/core';
import { packageRoot } from '../runtime/package.ts';

const file = join(packageRoot, 'oclif.manifest.json');
const plugin = new Plugin({ root: packageRoot, isRoot: true, ignoreManifest: true, errorOnManifestCreate: true });
await plugin.load();
// oclif finds the commands in an order that changes from run to run.
const commands = Object.entries(plugin.manifest.commands).toSorted(([a], [b]) => (a < b ? -1 : 1));
const text = `${JSON.stringify({ ...plugin.manifest, commands: Object.fromEntries(commands) }, null, 2)}\n`;

if (!process.argv.includes('--check')) {
  writeFileSync(file, text);
} else if (text !== readFileSync(file, 'utf8')) {
  console.error(
    'oclif.manifest.json does not match the commands: run npm run build:ts && npm run manifest and commit it.',
  );
  process.exitCode = 1;
}
