import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { addonPath } from '../../../runtime/engine/addon.ts';
import { packageRoot } from '../../../runtime/package.ts';
import { skip } from '../../../scripts/testing/skip.ts';
import { sources } from '../../../scripts/testing/sources.ts';
import type { GateReport } from '../gate.ts';
import { bitGates } from '../gates.ts';
import { faults, goldenFaults } from './faults.ts';

const test = suite('faults of the engine');
const addonName = 'mtplx-faulty';
// In CI a missing build is a failure.
const built = existsSync(addonPath(addonName)) || process.env['CI'] !== undefined;
const onFaulty = built ? test : skip(test, `run npm run build:faulty`);

async function run(script: string, fault: string, args: string[] = []): Promise<unknown> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [join(packageRoot, 'harness/exactness/mutations', script), ...args],
    { env: { ...process.env, MTPLX_ADDON_NAME: addonName, MTPLX_FAULT: fault } },
  );
  return JSON.parse(stdout);
}
const runGates = async (fault: string, names: string[]) => (await run('run-gates.ts', fault, names)) as GateReport[];
const worstGolden = async (fault: string) => (await run('run-goldens.ts', fault)) as number;

test('the table names every fault of the sources, and every gate', () => {
  const text = sources(['native/src', 'kernels'], /\.(cpp|h)$/).map((file) =>
    readFileSync(join(packageRoot, file), 'utf8'),
  );
  const inSources = new Set(text.flatMap((t) => [...t.matchAll(/\bfault\("([^"]+)"\)/g)].map(([, name]) => name!)));
  assert.equal([...inSources].toSorted(), [...faults, ...goldenFaults].map(({ fault }) => fault).toSorted());
  assert.equal(
    [...new Set(faults.map(({ gate }) => gate))],
    bitGates.map(({ name }) => name),
  );
});

onFaulty('with no fault set, every gate passes', async () => {
  for (const report of await runGates('', [])) {
    assert.is(report.firstFailure, null, report.gate);
  }
  assert.ok((await worstGolden('')) <= 1e-4);
});

for (const { fault, gate, bug } of faults) {
  onFaulty(`${gate} catches ${fault}: ${bug}`, async () => {
    const [report] = await runGates(fault, [gate]);
    assert.is(report?.gate, gate);
    assert.is(report?.passed, false);
    assert.ok((report?.differing ?? 0) > 0);
  });
}

for (const { fault, bug } of goldenFaults) {
  onFaulty(`the goldens catch ${fault}: ${bug}`, async () => {
    assert.ok((await worstGolden(fault)) > 1e-2);
  });
}

test.run();
