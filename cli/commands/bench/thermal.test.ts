import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readRecord } from '../../../harness/record.ts';
import { thermalSchema } from '../../../harness/thermal/document.ts';
import { addonPath } from '../../../runtime/engine/addon.ts';
import { packageRoot } from '../../../runtime/package.ts';
import { skip } from '../../../scripts/testing/skip.ts';
import { thermalReport } from '../../terminal/thermal-report.ts';

const test = suite<{ folder: string }>('mtplx bench thermal');
const onEngine = existsSync(addonPath()) ? test : skip(test, 'the addon is not built: npm run build:native');

test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'mtplx-thermal-'));
});
test.after.each(({ folder }) => rmSync(folder, { recursive: true }));

function run(cwd: string, ...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const command = [join(packageRoot, 'bin/mtplx.js'), 'bench', 'thermal', '--suite', 'smoke-code-16', ...args];
  const env = { ...process.env, MTPLX_DEV: '1' };
  return spawnSync(process.execPath, command, { cwd, env, encoding: 'utf8', timeout: 180_000 });
}

onEngine('legs, cool-down and drift, whatever sensors the machine has', async ({ folder }) => {
  const { status, stdout, stderr } = run(
    folder,
    '--minutes',
    '0.1',
    '--arms',
    'mtp:1,ar',
    '--cool-down',
    '1',
    '--json',
  );
  assert.is(status, 0, stderr);
  const document = thermalSchema.parse(JSON.parse(stdout));
  assert.equal(
    document.legs.map(({ arm, seconds, window_s }) => [arm, seconds, window_s]),
    [
      ['mtp-d1', 6, 3],
      ['ar', 6, 3],
    ],
  );
  for (const { tok_s, drift } of document.legs) assert.ok(tok_s > 0 && drift.low <= drift.high);
  assert.equal(
    document.ratios.map(({ arm, over }) => [arm, over]),
    [['ar', 'mtp-d1']],
  );
  const { rows } = await readRecord(join(folder, document.arrow_file));
  const running = rows.filter(({ phase }) => phase === 'run');
  assert.is(running.length, 12);
  for (const column of document.missing) assert.ok(rows.every((row) => row[column] === null));
  const report = thermalReport(document);
  assert.match(report, /^ar \/ mtp-d1 +\d/m);
  assert.is(/shows no sensor for/.test(report), document.missing.length > 0);
});

for (const [name, args] of [
  ['arms that are none', ['--arms', 'ar,mtp']],
  ['no minutes', ['--minutes', '0']],
] as const)
  test(`${name} exits with 2 and leaves nothing`, ({ folder }: { folder: string }) => {
    assert.is(run(folder, ...args).status, 2);
    assert.equal(readdirSync(folder), []);
  });

test.run();
