import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { packageRoot } from '../runtime/package.ts';

// The runner in a process of its own, over a folder of test files with one fault each.
const test = suite<{ root: string }>('test runner');
const url = (path: string): string => JSON.stringify(`file://${join(packageRoot, path)}`);
const head = `
  import { suite } from ${url('node_modules/uvu/dist/index.mjs')};
  import { skip } from ${url('scripts/testing/skip.ts')};
  import fc from ${url('node_modules/fast-check/lib/fast-check.js')};
  const test = suite('sample');
`;
const good = `${head} test('good', () => {}); test.run();`;

test.before.each((context) => {
  context.root = mkdtempSync(join(tmpdir(), 'mtplx-runner-'));
});
test.after.each(({ root }) => rmSync(root, { recursive: true }));

interface Outcome {
  status: number | null;
  last: string | undefined;
  stdout: string;
}

function run(
  root: string,
  files: Record<string, string>,
  args: string[] = [],
  env: Record<string, string> = {},
): Outcome {
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
  }
  const { status, stdout } = spawnSync(process.execPath, [join(packageRoot, 'scripts/test-ts.ts'), ...args], {
    encoding: 'utf8',
    env: { ...process.env, ...env, MTPLX_TEST_ROOT: root },
  });
  return { status, last: stdout.trimEnd().split('\n').at(-1), stdout };
}

test('adds up what ran', ({ root }) => {
  const files = {
    'a/one.test.ts': good,
    'two.test.ts': good,
    'node_modules/x.test.ts': 'throw 1',
    'dist/x.test.ts': 'throw 1',
  };
  const { status, last } = run(root, files);
  assert.equal([status, last], [0, '2 passed, 0 failed']);
});

const faults: [name: string, text: string, last: string][] = [
  [
    'a test that fails',
    `${head} test('bad', () => { throw new Error('no'); }); test('good', () => {}); test.run();`,
    '1 passed, 1 failed',
  ],
  ['a file that forgets run()', `${head} test('never', () => {});`, '0 passed, 1 failed'],
  ['a file without a test', `${head} test.run();`, '0 passed, 1 failed'],
  ['a file that cannot be loaded', `import './nowhere.ts';`, '0 passed, 1 failed'],
  [
    'a before hook that throws',
    `${head} test.before(() => { throw new Error('no'); }); test('good', () => {}); test.run();`,
    '0 passed, 1 failed',
  ],
];
for (const [name, text, last] of faults) {
  test(`fails on ${name}`, ({ root }) => {
    const outcome = run(root, { 'x.test.ts': text });
    assert.equal([outcome.status, outcome.last], [1, last]);
  });
}

test('fails when nothing ran at all', ({ root }) => {
  assert.equal(run(root, {}).status, 1);
  assert.equal(run(root, { 'x.test.ts': good }, ['no-such-path']).status, 1);
});

test('keeps the files that a filter names', ({ root }) => {
  const { status, last } = run(root, { 'a/x.test.ts': good, 'b/x.test.ts': 'throw 1' }, ['a/']);
  assert.equal([status, last], [0, '1 passed, 0 failed']);
});

test('counts skipped tests apart and says why', ({ root }) => {
  const text = `${head} skip(test, 'no weights')('on weights', () => { throw 1; }); test('good', () => {}); test.run();`;
  const { status, last, stdout } = run(root, { 'x.test.ts': text });
  assert.equal([status, last], [0, '1 passed, 0 failed, 1 skipped']);
  assert.match(stdout, 'Skipped: on weights: no weights');
});

test('a test that never settles, or ends the process, leaves no closing line', ({ root }) => {
  for (const body of ['new Promise(() => {})', 'process.exit(0)']) {
    const outcome = run(root, { 'x.test.ts': `${head} test('bad', () => ${body}); test.run();` });
    assert.is.not(outcome.status, 0);
    assert.not.match(outcome.stdout, /^\d+ passed/m);
  }
});

test('property tests take the seed of the run and name it on failure', ({ root }) => {
  const text = `${head} test('seed', () => { throw new Error('seed ' + fc.readConfigureGlobal().seed); }); test.run();`;
  const { stdout } = run(root, { 'x.test.ts': text }, [], { MTPLX_TEST_SEED: '42' });
  assert.match(stdout, 'seed 42');
  assert.match(stdout, 'MTPLX_TEST_SEED=42');
  const inCi = (): string | undefined => /seed (\d+)/.exec(run(root, {}, [], { CI: 'true' }).stdout)?.[1];
  assert.ok(inCi());
  assert.is(inCi(), inCi());
});

test.run();
