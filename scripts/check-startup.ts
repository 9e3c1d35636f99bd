// `mtplx --help` may take 300 ms more than a bare `node -e 0` of the same run, and must not need the addon.
// Medians of runs that take turns, so that a busy machine slows both alike.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../runtime/package.ts';

const budgetMs = 300;
const rounds = 11;
const help = [join(packageRoot, 'bin/mtplx.js'), '--help'];

if (!existsSync(join(packageRoot, 'dist/cli'))) {
  console.error('Nothing is compiled: run npm run build:ts first.');
  process.exit(1);
}
const times: { bare: number; help: number }[] = [];
time(help);
for (let i = 0; i < rounds; i++) times.push({ bare: time(['-e', '0']), help: time(help) });
const [bare, full] = [median(times.map((t) => t.bare)), median(times.map((t) => t.help))];
console.log(
  `node -e 0: ${bare.toFixed(0)} ms, mtplx --help: ${full.toFixed(0)} ms, budget ${budgetMs} ms between them`,
);
if (full - bare > budgetMs) process.exitCode = 1;

function time(args: string[]): number {
  const started = performance.now();
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${args.join(' ')} failed: ${stderr}`);
  return performance.now() - started;
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}
