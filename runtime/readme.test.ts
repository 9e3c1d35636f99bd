import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { skip } from '../scripts/testing/skip.ts';
import { packageRoot } from './package.ts';

const test = suite('README');
const compiled = join(packageRoot, 'dist/runtime/index.js');
const whenCompiled = existsSync(compiled) ? test : skip(test, 'nothing is compiled: npm run build:ts');

whenCompiled('the example runs as it stands, against the published entry', () => {
  const readme = readFileSync(join(packageRoot, 'README.md'), 'utf8');
  const examples = [...readme.matchAll(/^```ts\n([^]*?)^```$/gm)].map(([, code]) => code!);
  assert.is(examples.length, 1);
  // Inside the package, so that `mtplx` is found by its own name.
  const file = join(packageRoot, 'dist/readme-example.mts');
  writeFileSync(file, examples[0]!);
  try {
    const { status, stdout, stderr } = spawnSync(process.execPath, [file], { encoding: 'utf8', timeout: 120_000 });
    assert.is(status, 0, stderr);
    assert.ok(stdout.length > 40, stdout);
    assert.match(stderr, /drafts accepted/);
    assert.match(stderr, /^64 tokens, \d\.\d\d a cycle$/m);
  } finally {
    rmSync(file);
  }
});

test.run();
