// Runs every *.test.ts under uvu in this process; arguments keep the files whose path contains one of them.
// uvu alone passes when a file forgets run(), and when a before hook throws; this runner does not.
import { readdirSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { packageRoot } from '../runtime/package.ts';
import { add, closingLine, none, type Counts } from './testing/counts.ts';

/** uvu's own protocol: a queue of groups, each a name and the suites' runners. */
type Runner = () => Promise<[errors: string | true, passed: number, skipped: number, total: number]>;
declare global {
  // oxlint-disable no-var
  var UVU_DEFER: number;
  var UVU_INDEX: number;
  var UVU_QUEUE: [name: string | null, ...runners: Runner[]][];
  // oxlint-enable no-var
}

const ignored = new Set(['node_modules', 'dist', 'build', 'mtplx-runs', '.git']);
const root = resolve(process.env['MTPLX_TEST_ROOT'] ?? packageRoot);
const filters = process.argv.slice(2);
const seed = Number(process.env['MTPLX_TEST_SEED'] ?? (process.env['CI'] ? 20_260_101 : Date.now() % 2 ** 31));

let sum = none;
const problems: string[] = [];

globalThis.UVU_DEFER = 1;
globalThis.UVU_QUEUE = [];
const uvu = await import('uvu');
fc.configureGlobal({ seed });

const files = find(root).filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)));
for (const [index, file] of files.entries()) {
  globalThis.UVU_INDEX = index;
  const group: (typeof UVU_QUEUE)[number] = [file];
  UVU_QUEUE.push(group);
  try {
    await import(pathToFileURL(join(root, file)).href);
    if (group.length === 1) problem(`${file}: nothing ran (is test.run() missing?)`);
  } catch (error) {
    problem(`${file}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }
  for (const [i, runner] of group.entries()) {
    if (typeof runner === 'function') group[i] = counted(runner, file);
  }
}
await uvu.exec();
if (sum.passed + sum.failed + sum.skipped === 0)
  problem(`No test ran${filters.length ? ` for ${filters.join(' ')}` : ''}.`);
report();

function find(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return ignored.has(entry.name) || entry.name.startsWith('build-') ? [] : find(path);
      return entry.name.endsWith('.test.ts') ? [relative(root, path).split(sep).join('/')] : [];
    })
    .toSorted();
}

function counted(run: Runner, file: string): Runner {
  return async () => {
    const result = await run();
    const [errors, passed, skipped, total] = result;
    const counts: Counts = { passed, failed: total - passed, skipped };
    sum = add(sum, counts);
    if (counts.failed > 0 && errors === true) problem(`${file}: a before or after hook failed`, 0);
    if (total + skipped === 0) problem(`${file}: an empty suite`);
    return result;
  };
}

function problem(text: string, failed = 1): void {
  problems.push(text);
  sum = add(sum, { ...none, failed });
}

function report(): void {
  for (const reason of globalThis.MTPLX_SKIPPED ?? []) console.log(`Skipped: ${reason}`);
  for (const text of problems) console.log(`Failed: ${text}`);
  if (sum.failed > 0) console.log(`Seed of the property tests: ${seed} (MTPLX_TEST_SEED=${seed} repeats it)`);
  console.log(`\n${closingLine(sum)}`);
  process.exitCode = sum.failed > 0 ? 1 : 0;
}
