// `npm test`: build, lint, types, imports, TypeScript tests, C++ tests. With --ci also what takes longer or needs more
// tools: format, unused code, manifest, figures and their records, start-up, clang with libc++, sanitizers, NEON under qemu,
// deliberate bugs, mlx-lm.
import { runSteps, type Step } from './testing/steps.ts';

const npm = (name: string, script: string): Step => ({ name, command: 'npm', args: ['run', '--silent', script] });
const counting = (name: string, script: string, ...args: string[]): Step => ({
  name,
  command: process.execPath,
  args: [script, ...args],
  counts: true,
});

const ci = process.argv.includes('--ci');

await runSteps([
  npm('engine', 'build:native'),
  npm('kernels beside their references', 'build:kernel-checks'),
  npm('TypeScript build', 'build:ts'),
  npm('lint', 'lint'),
  npm('types', 'types'),
  npm('imports', 'check:imports'),
  ...(ci
    ? [
        npm('format', 'check:format'),
        npm('unused code', 'check:unused'),
        npm('command manifest', 'check:manifest'),
        npm('figures and their records', 'check:figures'),
        npm('start-up budget', 'check:startup'),
        npm('engine with deliberate bugs', 'build:faulty'),
      ]
    : []),
  counting('TypeScript tests', 'scripts/test-ts.ts'),
  counting('C++ tests', 'scripts/test-cpp.ts'),
  ...(ci
    ? [
        {
          ...counting('C++ tests under AddressSanitizer and UBSan', 'scripts/test-cpp.ts', '-DMTPLX_SANITIZE=ON'),
          env: { MTPLX_CPP_BUILD: 'build/asan' },
        },
        {
          ...counting('pool and engine queue under ThreadSanitizer', 'scripts/test-cpp.ts', '-DMTPLX_SANITIZE=thread'),
          env: { MTPLX_CPP_BUILD: 'build/tsan' },
        },
        counting('kernels on NEON under qemu', 'scripts/test-neon.ts'),
        counting('deliberate bugs', 'harness/exactness/mutations/run.ts'),
        npm('contract of the embedded model', 'check:contract'),
        npm('no warnings under clang with libc++', 'check:warnings'),
        npm('greedy tokens of mlx-lm', 'check:mlx-lm'),
      ]
    : []),
]);
