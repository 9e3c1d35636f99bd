import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { importProblems } from './import-rules.ts';

const test = suite<{ root: string }>('import rules');

test.before.each((context) => {
  context.root = mkdtempSync(join(tmpdir(), 'mtplx-imports-'));
});
test.after.each(({ root }) => rmSync(root, { recursive: true }));

function problems(root: string, files: Record<string, string>): string[] {
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
  }
  return importProblems(root);
}

const layers = {
  'cli/a.ts': "import '../harness/a.ts'; import '../reports/a.ts';",
  'harness/a.ts': "import { x } from '../runtime/index.ts';",
  'reports/a.ts': "import 'node:fs'; import '../runtime/errors.ts'; import '../harness/record.ts';",
  'harness/record.ts': '',
  'runtime/errors.ts': '',
  'runtime/index.ts': "export * from './engine/engine.ts'; import './decoding/cycle.ts'; export const x = 1;",
  'runtime/engine/engine.ts': "import type { A } from '../../native/types.ts'; import '../errors.ts';",
  'runtime/engine/types.ts': '',
  'runtime/server/app.ts': '',
  'runtime/decoding/cycle.ts': "import type { B } from '../engine/types.ts';",
  'native/types.ts': '',
  'native/src/a.h': '#include "kernels/linear/linear.h"\n',
  'kernels/linear/linear.h': '#include <vector>\n',
  'scripts/testing/skip.ts': '',
  'harness/a.test.ts': "import '../scripts/testing/skip.ts'; import './a.ts';",
};

test('the right way', ({ root }) => {
  assert.equal(problems(root, layers), []);
});

const wrong: [file: string, text: string, target: string][] = [
  ['harness/b.ts', "import '../cli/a.ts';", 'cli/a.ts'],
  ['harness/b.ts', "import '../reports/a.ts';", 'reports/a.ts'],
  ['harness/b.ts', "import type { A } from '../native/types.ts';", 'native/types.ts'],
  ['harness/b.ts', "import '../scripts/testing/skip.ts';", 'scripts/testing/skip.ts'],
  ['reports/b.ts', "import '../harness/a.ts';", 'harness/a.ts'],
  ['cli/b.ts', "const types = await import('../native/types.ts');", 'native/types.ts'],
  ['runtime/b.ts', "export { a } from '../harness/a.ts';", 'harness/a.ts'],
  ['runtime/b.ts', "import '../native/types.ts';", 'native/types.ts'],
  ['runtime/decoding/b.ts', "import '../engine/engine.ts';", 'runtime/engine/engine.ts'],
  ['runtime/decoding/b.ts', "import '../server/app.ts';", 'runtime/server/app.ts'],
  ['runtime/engine/b.ts', "import '../decoding/cycle.ts';", 'runtime/decoding/cycle.ts'],
  ['kernels/linear/b.cpp', '#include "native/src/a.h"\n', 'native/src/a.h'],
];
for (const [file, text, target] of wrong) {
  test(`${file} may not import ${target}`, ({ root }) => {
    assert.equal(problems(root, { ...layers, [file]: text }), [`${file} may not import ${target}`]);
  });
}

test('an import that leads nowhere', ({ root }) => {
  assert.equal(problems(root, { 'cli/a.ts': "import './b.ts';" }), ['cli/a.ts imports cli/b.ts, which does not exist']);
});

test('a cycle between TypeScript files', ({ root }) => {
  const files = {
    'cli/a.ts': "import './b.ts';",
    'cli/b.ts': "import './c.ts';",
    'cli/c.ts': "import type { B } from './b.ts';",
  };
  assert.equal(problems(root, files), ['import cycle: cli/b.ts → cli/c.ts → cli/b.ts']);
});

test('a cycle between headers', ({ root }) => {
  const files = { 'kernels/a/a.h': '#include "kernels/a/b.h"\n', 'kernels/a/b.h': '#include "kernels/a/a.h"\n' };
  assert.equal(problems(root, files), ['import cycle: kernels/a/a.h → kernels/a/b.h → kernels/a/a.h']);
});

test.run();
