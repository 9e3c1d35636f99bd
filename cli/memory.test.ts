import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { packageRoot } from '../runtime/package.ts';

const test = suite('memory of the command line');

test('V8 knows the flags', () => {
  const memory = JSON.stringify(`file://${join(packageRoot, 'bin/memory.js')}`);
  const source = `import { keepHeapSmall } from ${memory}; keepHeapSmall();`;
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', source], {
    encoding: 'utf8',
  });
  // V8 complains there of a flag that it does not know, and goes on.
  assert.is(stderr, '');
  assert.is(status, 0);
});

test.run();
