// `npm test`: lint, types, TypeScript tests, C++ tests. The addon with faults is for the mutation tests.
import { runSteps } from './testing/steps.ts';

const node = process.execPath;

await runSteps([
  { name: 'lint', command: 'npm', args: ['run', '--silent', 'lint'] },
  { name: 'types', command: 'npm', args: ['run', '--silent', 'types'] },
  { name: 'imports', command: node, args: ['scripts/check-imports.ts'] },
  { name: 'addon with faults', command: 'npm', args: ['run', '--silent', 'build:faulty'] },
  { name: 'TypeScript tests', command: node, args: ['scripts/test-ts.ts'], counts: true },
  { name: 'C++ tests', command: node, args: ['scripts/test-cpp.ts'], counts: true },
]);
