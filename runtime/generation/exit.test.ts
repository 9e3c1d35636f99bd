import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { packageRoot } from '../package.ts';

const test = suite('exit while generating');
const attempts = 12;

// One in twelve such exits crashed before the engine was halted at exit: MLX's destructors ran under a cycle.
test('process.exit in the middle of a cycle keeps its code', () => {
  const url = JSON.stringify(`file://${join(packageRoot, 'runtime/index.ts')}`);
  for (let i = 0; i < attempts; i++) {
    const body = `
      const { embeddedModel, loadModel } = await import(${url});
      const model = await loadModel(embeddedModel);
      let parts = 0;
      for await (const part of model.generate('def quicksort(', { maxTokens: 4000, ignoreStopTokens: true }))
        if (++parts === 3) setTimeout(() => process.exit(7), ${i / 2});`;
    const { status, signal, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', body], {
      encoding: 'utf8',
      timeout: 60_000,
    });
    assert.is(signal, null, `attempt ${i} was killed by ${signal}: ${stderr}`);
    assert.is(status, 7, stderr);
  }
});

test.run();
