// Cross-builds the C++ tests for 64-bit Arm and runs those of the kernels under qemu: NEON without and with dot products.
// Arguments go to doctest in place of the kernels' filter.
import { spawnSync } from 'node:child_process';
import { closingLine, none, type Counts } from './testing/counts.ts';
import { runDoctests, testCases } from './testing/doctests.ts';

const compiler = 'aarch64-linux-gnu-g++';
const emulator = 'qemu-aarch64';
const libraries = '/usr/aarch64-linux-gnu';

const counts = buildAndRun();
console.log(`\n${closingLine(counts)}`);
process.exitCode = counts.failed > 0 ? 1 : 0;

function buildAndRun(): Counts {
  const missing = [compiler, emulator].filter((tool) => spawnSync(tool, ['--version']).error);
  if (missing.length > 0) {
    console.log(
      `Skipped: no ${missing.join(', no ')} (Debian: apt-get install g++-aarch64-linux-gnu qemu-user doctest-dev).`,
    );
    return { ...none, skipped: testCases() };
  }
  const filters = process.argv.slice(2);
  return runDoctests({
    folder: 'build/neon',
    options: ['-DCMAKE_SYSTEM_NAME=Linux', '-DCMAKE_SYSTEM_PROCESSOR=aarch64', `-DCMAKE_CXX_COMPILER=${compiler}`],
    runner: [emulator, '-cpu', 'max', '-L', libraries],
    filters: filters.length > 0 ? filters : ['--source-file=*kernels*'],
  });
}
