import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runExperiment } from '../../harness/experiments/run.ts';
import { toy } from '../../harness/experiments/testing/toy.ts';
import { packageRoot } from '../../runtime/package.ts';

const test = suite('mtplx report');
const folder = mkdtempSync(join(tmpdir(), 'mtplx-report-cli-'));
const runs = join(folder, 'mtplx-runs');
test.after(() => rmSync(folder, { recursive: true }));

function report(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [join(packageRoot, 'bin/mtplx.js'), 'report', ...args], {
    cwd: folder,
    env: { ...process.env, MTPLX_DEV: '1' },
    encoding: 'utf8',
    timeout: 120_000,
  });
}

test('one run goes to its own folder, several to one of their own, --out elsewhere', async () => {
  const spec = { numbers: [1, 2] };
  const { folder: path } = await runExperiment(toy(), spec, { parent: runs });
  const name = path.split('/').at(-1)!;
  cpSync(path, join(runs, 'copy'), { recursive: true });
  assert.is(report(name).status, 0);
  assert.equal(readdirSync(join(path, 'report')), ['report.md']);
  const { status, stdout } = report(name, 'copy', '--json');
  assert.is(status, 0);
  const { out, files } = JSON.parse(stdout) as { out: string; files: string[] };
  assert.match(out, /^mtplx-runs\/\S+-report$/);
  assert.match(readFileSync(join(folder, files[0]!), 'utf8'), '# 2 runs compared');
  assert.is(report(path, '--out', 'x/y').status, 0);
  assert.match(readFileSync(join(folder, 'x/y/report.md'), 'utf8'), `# ${name}`);
});

test('what is no run, or is not complete, exits with 2 and a code', async () => {
  const failing = toy(({ key }) => {
    if (key === '1') throw new Error('on purpose');
  });
  await runExperiment(failing, { numbers: [1, 2] }, { parent: runs, label: 'half' }).catch(() => undefined);
  const half = readdirSync(runs).find((name) => name.endsWith('toy-half'))!;
  for (const [args, code] of [
    [['none'], 'MTPLX_E_RUN_NOT_FOUND'],
    [[half], 'MTPLX_E_RUN_MISMATCH'],
    [[], 'MTPLX_E_OPTION'],
  ] as const) {
    const { status, stdout } = report(...args, '--json');
    assert.is(status, 2);
    assert.match(stdout, code);
  }
});

test.run();
