import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../runtime/package.ts';
import { none, type Counts } from './counts.ts';
import { sources } from './sources.ts';

export interface DoctestRun {
  /** Build folder below the package. */
  folder: string;
  /** Options of CMake. */
  options: string[];
  /** What starts the tests on another CPU, before their path. */
  runner?: string[];
  /** Options of doctest. */
  filters?: string[];
}

/** Builds the C++ tests and runs them; skips them where doctest is missing. */
export function runDoctests({ folder, options, runner = [], filters = [] }: DoctestRun): Counts {
  const failed = { ...none, failed: 1 };
  if (!run('cmake', ['-S', '.', '-B', folder, '-DMTPLX_ADDON=OFF', ...launcher(), ...options])) return failed;
  if (/^DOCTEST_INCLUDE:.*-NOTFOUND$/m.test(readFileSync(join(packageRoot, folder, 'CMakeCache.txt'), 'utf8'))) {
    console.log(
      'Skipped: the C++ tests need doctest (Debian: apt-get install doctest-dev, Homebrew: brew install doctest).',
    );
    return { ...none, skipped: testCases() };
  }
  const parallel = String(Math.min(availableParallelism(), 8));
  if (!run('cmake', ['--build', folder, '--parallel', parallel, '--target', 'mtplx_tests'])) return failed;
  const [command, ...args] = [...runner, join(packageRoot, folder, 'kernels/mtplx_tests')];
  const tests = spawnSync(command, [...args, '--no-colors', ...filters], {
    cwd: packageRoot,
    encoding: 'utf8',
  });
  console.log(`${tests.stdout}${tests.stderr}`);
  const summary = /test cases: +(\d+) \| +(\d+) passed \| +(\d+) failed \| +(\d+) skipped/.exec(tests.stdout);
  if (!summary) {
    console.log(`The C++ tests ended without a summary (${tests.signal ?? `exit code ${tests.status}`}).`);
    return failed;
  }
  const [total = 0, passed = 0, failures = 0, skipped = 0] = summary.slice(1).map(Number);
  if (total === 0) console.log('No C++ test ran.');
  // What a filter leaves out was not asked for.
  const left = filters.length > 0 ? 0 : skipped;
  return { passed, failed: failures || Number(total === 0 || tests.status !== 0), skipped: left };
}

/** Test cases of all C++ sources. */
export function testCases(): number {
  const tests = sources(['kernels', 'native/tests'], /\.cpp$/);
  return tests.reduce(
    (sum, file) => sum + (readFileSync(join(packageRoot, file), 'utf8').match(/^TEST_CASE/gm)?.length ?? 0),
    0,
  );
}

function run(command: string, args: string[]): boolean {
  const { status, error } = spawnSync(command, args, { cwd: packageRoot, stdio: ['ignore', 'inherit', 'inherit'] });
  if (error) console.log(`Cannot run ${command}: ${error.message}. Install CMake 3.22 or newer and a C++20 compiler.`);
  return status === 0;
}

function launcher(): string[] {
  const found = (process.env['PATH'] ?? '').split(':').some((path) => existsSync(join(path, 'ccache')));
  return found ? ['-DCMAKE_CXX_COMPILER_LAUNCHER=ccache'] : [];
}
