// Compiles every C++ source of our own under clang with libc++, which is what macOS has, without output files.
// A warning is an error. The commands come from the builds under build/cpp and build/node.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../runtime/package.ts';

interface Compilation {
  file: string;
  command: string;
  directory: string;
}

const databases = ['build/cpp', 'build/node'].map((folder) => join(packageRoot, folder, 'compile_commands.json'));
const missing = databases.filter((file) => !existsSync(file));
if (missing.length > 0) {
  console.error(`No ${missing.join(', ')}: run npm run build:native and npm run test:cpp first.`);
  process.exit(1);
}
const clang = process.env['CLANG'] ?? 'clang++';
const commands = [...new Map(databases.flatMap(ownSources).map((entry) => [clangCommand(entry), entry])).entries()];
console.log(`${commands.length} compilations with ${clang} -stdlib=libc++ -Werror`);
let failures = 0;
await Promise.all(Array.from({ length: Math.min(availableParallelism(), 8) }, worker));
if (failures > 0) process.exitCode = 1;

function ownSources(database: string): Compilation[] {
  const entries = JSON.parse(readFileSync(database, 'utf8')) as Compilation[];
  return entries.filter(({ file }) => /^(kernels|native)\//.test(file.slice(packageRoot.length + 1)));
}

/**
 * The same flags without the compiler (and its launcher) in front, the output behind, warnings silenced for g++, and
 * cmake-js's define, which would make a second compilation of every kernel.
 */
function clangCommand({ command }: Compilation): string {
  const flags = command
    .replace(/^(\S*ccache\s+)?\S+/, '')
    .replace(/ -o \S+ -c /, ' ')
    .replaceAll(/ -Wno-\S+| -DBUILDING_NODE_EXTENSION/g, '')
    .replaceAll(/\s+/g, ' ');
  return `${clang} -stdlib=libc++ -fsyntax-only -Werror${flags}`;
}

async function worker(): Promise<void> {
  for (let next = commands.shift(); next !== undefined; next = commands.shift()) {
    const [command, { directory, file }] = next;
    const child = spawn(command, { cwd: directory, shell: true, stdio: ['ignore', 'inherit', 'inherit'] });
    const status = await new Promise((resolve) => child.on('close', resolve));
    if (status !== 0) {
      failures += 1;
      console.log(`Failed: ${file}`);
    }
  }
}
