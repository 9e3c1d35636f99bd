import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { breakdownSchema } from '../../../harness/breakdown/document.ts';
import { readRecord } from '../../../harness/record.ts';
import { addonPath } from '../../../runtime/engine/addon.ts';
import { packageRoot } from '../../../runtime/package.ts';
import { skip } from '../../../scripts/testing/skip.ts';
import { breakdownReport } from '../../terminal/breakdown-report.ts';

const test = suite<{ folder: string }>('mtplx bench breakdown');
const onEngine = existsSync(addonPath()) ? test : skip(test, 'the addon is not built: npm run build:native');

test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'mtplx-breakdown-'));
});
test.after.each(({ folder }) => rmSync(folder, { recursive: true }));

function run(cwd: string, ...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [join(packageRoot, 'bin/mtplx.js'), ...args], {
    cwd,
    env: { ...process.env, MTPLX_DEV: '1' },
    encoding: 'utf8',
    timeout: 120_000,
  });
}

onEngine('every cycle is in the record, shares add up, and table and figure name every part', async ({ folder }) => {
  const flags = ['--depths', 'ar,2,2', '--threads', '1', '--cycles', '10', '--json'];
  const { status, stdout, stderr } = run(folder, 'bench', 'breakdown', ...flags);
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
  const { rows } = await readRecord(join(folder, document.arrow_file));
  const counts = Map.groupBy(rows, ({ unit, kind }) => `${String(unit)} ${String(kind)}`);
  assert.equal(
    [...counts].map(([name, own]) => [name, own.length]),
    [
      ['1/read read', 10],
      ['1/0 engine', 10],
      ['1/0 decision', 10],
      ['1/2 engine', 10],
      ['1/2 decision', 10],
    ],
  );
  assert.ok(readdirSync(join(folder, document.arrow_file, '../report')).includes('cycle-shares.png'));
  const listed = run(folder, 'runs', '--json');
  const [entry] = JSON.parse(listed.stdout) as { headline: string }[];
  assert.match(entry!.headline, /^1\/0 \d+ µs, 1\/2 \d+ µs$/);
});

test('depths that are none exit with 2 and leave nothing', ({ folder }) => {
  const { status, stderr } = run(folder, 'bench', 'breakdown', '--depths', '9');
  assert.is(status, 2);
  assert.match(stderr, 'MTPLX_E_OPTION');
  assert.equal(readdirSync(folder), []);
});

test.run();
