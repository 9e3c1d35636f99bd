import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { breakdownSchema } from '../../../harness/breakdown/run.ts';
import { addonPath } from '../../../runtime/engine/addon.ts';
import { packageRoot } from '../../../runtime/package.ts';
import { skip } from '../../../scripts/testing/skip.ts';
import { breakdownReport } from '../../terminal/breakdown-report.ts';

const test = suite('mtplx bench breakdown');
const onEngine = existsSync(addonPath()) ? test : skip(test, 'the addon is not built: npm run build:native');

function run(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [join(packageRoot, 'bin/mtplx.js'), 'bench', 'breakdown', ...args], {
    env: { ...process.env, MTPLX_DEV: '1' },
    encoding: 'utf8',
    timeout: 120_000,
  });
}

onEngine('--json prints one document whose shares add up, and its table names every part', () => {
  const { status, stdout, stderr } = run('--depths', 'ar,2', '--threads', '1', '--cycles', '10', '--json');
  assert.is(status, 0, stderr);
  const document = breakdownSchema.parse(JSON.parse(stdout));
  assert.equal(
    document.rows.map(({ threads, depth }) => [threads, depth]),
    [
      [1, 0],
      [1, 2],
    ],
  );
  for (const { share, us, bound_us, cycle_us } of document.rows) {
    assert.ok(Math.abs(Object.values(share).reduce((a, b) => a + b) - 1) < 1e-9);
    assert.ok(us.matmul > 0 && us.gdn > 0 && us.hop > 0 && us.typescript > 0);
    assert.ok(bound_us > 0 && cycle_us > 0);
  }
  assert.match(breakdownReport(document), /matmul +GDN +attention +other +engine +hop +TypeScript/);
});

test('depths that are none exit with 2', () => {
  const { status, stderr } = run('--depths', '9');
  assert.is(status, 2);
  assert.match(stderr, 'MTPLX_E_OPTION');
});

test.run();
