import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { autoSchema } from '../../../harness/tuning/auto.ts';
import { tuneSchema } from '../../../harness/tuning/tune.ts';
import { addonPath } from '../../../runtime/engine/addon.ts';
import { packageRoot } from '../../../runtime/package.ts';
import { skip } from '../../../scripts/testing/skip.ts';
import type { BenchAutoResult } from './auto.ts';

const test = suite('mtplx bench auto');
const onEngine = existsSync(addonPath()) ? test : skip(test, 'the addon is not built: npm run build:native');
const folder = mkdtempSync(join(tmpdir(), 'mtplx-bench-auto-'));
test.after(() => rmSync(folder, { recursive: true }));

onEngine('two runs: the best fixed depth, then auto against it; exit code and verdict agree', () => {
  const args = ['bench', 'auto', '--suite', 'smoke-code-16', '--runs', '1', '--fixed-runs', '1', '--json'];
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(packageRoot, 'bin/mtplx.js'), ...args], {
    cwd: folder,
    env: { ...process.env, MTPLX_DEV: '1' },
    encoding: 'utf8',
    timeout: 300_000,
  });
  const { fixed, auto } = JSON.parse(stdout) as BenchAutoResult;
  const { depths } = tuneSchema.parse(fixed);
  const { arms, passed, first_difference } = autoSchema.parse(auto);
  // Sixteen tokens measure nothing: either verdict may come, and must be told.
  assert.is(status, passed ? 0 : 1, stderr);
  assert.is(first_difference, null);
  const best = depths.reduce((a, b) => (b.tok_s > a.tok_s ? b : a)).depth;
  const names = best === 0 ? ['ar', 'auto'] : ['ar', `mtp-d${best}`, 'auto'];
  assert.equal(
    arms.map(({ name }) => name),
    names,
  );
  assert.is(readdirSync(join(folder, 'mtplx-runs')).length, 2);
});

test.run();
