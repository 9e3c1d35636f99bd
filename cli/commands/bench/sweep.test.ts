import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { sweepSchema } from '../../../harness/acceptance/sweep-document.ts';
import { readRecord } from '../../../harness/record.ts';
import { addonPath } from '../../../runtime/engine/addon.ts';
import { packageRoot } from '../../../runtime/package.ts';
import { skip } from '../../../scripts/testing/skip.ts';
import { sweepReport } from '../../terminal/sweep-report.ts';

const test = suite<{ folder: string }>('mtplx bench sweep');
const onEngine = existsSync(addonPath()) ? test : skip(test, 'the addon is not built: npm run build:native');

test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'mtplx-sweep-'));
});
test.after.each(({ folder }) => rmSync(folder, { recursive: true }));

function run(cwd: string, ...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [join(packageRoot, 'bin/mtplx.js'), 'bench', 'sweep', ...args], {
    cwd,
    env: { ...process.env, MTPLX_DEV: '1' },
    encoding: 'utf8',
    timeout: 180_000,
  });
}

onEngine(
  'coupled arms emit the same tokens, in a drawn order, with an interval for every ratio',
  async ({ folder }) => {
    const args = ['--suite', 'smoke-code-16', '--depths', '1..2', '--runs', '2', '--acceptance', 'coupled', '--json'];
    const { status, stdout, stderr } = run(folder, ...args);
    assert.is(status, 0, stderr);
    const document = sweepSchema.parse(JSON.parse(stdout));
    assert.equal(
      document.arms.map(({ name, emitted }) => [name, emitted]),
      [
        ['ar', 64],
        ['mtp-d1', 64],
        ['mtp-d2', 64],
      ],
    );
    assert.is(document.same_text, true);
    for (const { depth, estimates, positions } of document.arms) {
      for (const { value, low, high } of Object.values(estimates)) assert.ok(0 < low && low <= value && value <= high);
      assert.is(positions.length, depth);
    }
    const { rows } = await readRecord(join(folder, document.arrow_file));
    const order = rows.filter(({ step }) => step === 0).map(({ run, prompt, arm }) => [run, prompt, arm].join());
    assert.is(new Set(order).size, 12);
    assert.is.not(order.join(' '), order.toSorted().join(' '));

    const report = sweepReport(document);
    for (const part of [/^mtp-d2 +\d/m, /given i - 1/, /Every arm emitted the same tokens/, /predicted/])
      assert.match(report, part);
    for (const line of report.split('\n').slice(0, -4)) assert.ok(line.length <= 120, line);
  },
);

for (const [name, args] of [
  ['depths that are none', ['--depths', '0..3']],
  ['an unknown suite', ['--suite', 'warm']],
  ['no repeats', ['--runs', '0']],
] as const)
  test(`${name} exits with 2 and leaves nothing`, ({ folder }: { folder: string }) => {
    assert.is(run(folder, ...args).status, 2);
    assert.equal(readdirSync(folder), []);
  });

test.run();
