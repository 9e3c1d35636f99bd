import { readFileSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseContract } from '../../runtime/model/contract.ts';
import { failsWith, inTemporaryFolder } from '../../runtime/model/testing/files.ts';
import { decideTier } from '../../runtime/model/tiers.ts';
import { numericsVersion } from '../../runtime/numerics.ts';
import { gates } from '../exactness/gates.ts';
import { runExperiment } from '../experiments/run.ts';
import { contractDifferences } from './contract.ts';
import { verification, type VerifyResult } from './experiment.ts';
import { defaultMs, plannedCases, predictedMs, type VerifySpec } from './spec.ts';
import { cannedVerification, description, hash, rowsOf, specFor } from './testing/runs.ts';
import { contractTarget, writeContract } from './write.ts';

const test = suite('verification');
const experiment = verification();

function resultOf(spec: VerifySpec, wrong?: (key: string) => boolean): VerifyResult {
  const context = { description, arrowFile: 'rows.arrow' };
  return experiment.resultSchema.parse(experiment.summarise(spec, rowsOf(spec, wrong), context));
}

test('units follow from the spec alone, each with its own key and a cost', () => {
  for (const size of ['quick', 'default', 'full'] as const) {
    const spec = experiment.specSchema.parse(JSON.parse(JSON.stringify(specFor(size, 5))));
    const units = experiment.units(spec);
    assert.equal(units, experiment.units(specFor(size, 5)));
    assert.is(new Set(units.map(({ key }) => key)).size, units.length);
    assert.ok(units.every(({ cost }) => cost > 0));
    const sum = units.reduce((total, { cost }) => total + cost, 0);
    assert.ok(Math.abs(sum - predictedMs(spec)) < 1e-6 * sum);
  }
});

test('the slower the model, the smaller the default, and at most 15 minutes where that is possible', () => {
  const names = [5, 40, 150].map((step) => specFor('default', step, step > 5 ? 248_320 : 4096));
  assert.equal(
    names.map(({ scale_name }) => scale_name),
    ['standard', 'reduced', 'least'],
  );
  for (const spec of names) assert.ok(predictedMs(spec) <= defaultMs, `${spec.scale_name}: ${predictedMs(spec)} ms`);
  assert.is(specFor('default', 5000).scale_name, 'least');
  assert.ok(predictedMs(specFor('quick', 5)) < 60_000, `${predictedMs(specFor('quick', 5))} ms`);
});

test('when every case does what it should, the contract is verified, complete, and read as such', () => {
  const { contract } = resultOf(specFor('default', 5));
  assert.is(contract.status, 'verified');
  assert.equal(
    contract.gates.map(({ gate }) => gate),
    gates.map(({ name }) => name),
  );
  assert.is(contract.gates.find(({ gate }) => gate === 'reference')!.status, 'absent');
  assert.equal([contract.mtp_depth_max, contract.exactness_baseline.context], [5, 2000]);
  const ratios = Object.values(contract.speed_evidence.by_depth);
  assert.is(contract.recommended_depth, 4);
  assert.is(contract.speed_evidence.speedup_vs_ar, Math.max(...ratios));
  assert.equal(contract.acceptance_by_depth['2']?.per_step, [1, 0]);
  const reading = parseContract(JSON.stringify(contract));
  assert.equal(reading, { kind: 'ours', contract });
  const facts = { folder: '.', model: { hash, mtp: true }, error: null, contract: reading } as const;
  assert.is(decideTier({ ...facts, backend: 'cpu', numericsVersion }).tier, 'verified');
});

test('one failed case or one control that passes makes the contract a failed one, and names the gate', () => {
  const spec = specFor('quick', 5);
  const keys = plannedCases(spec).map(({ key }) => key);
  for (const wrong of [keys[0]!, keys.find((key) => key.includes('control'))!, keys.at(-1)!]) {
    const { contract } = resultOf(spec, (key) => key === wrong);
    assert.is(contract.status, 'failed', wrong);
    const failed = contract.gates.filter(({ status }) => status === 'failed');
    assert.equal(
      failed.map(({ gate }) => gate),
      [wrong.split('/')[0]],
    );
    assert.is(contract.exactness_baseline.status, 'failed');
  }
});

test('the record of a run gives its contract, also when it was stopped in between', () =>
  inTemporaryFolder(async (parent) => {
    const spec = specFor('quick', 5);
    const { result, rows } = await runExperiment(cannedVerification(), spec, { parent });
    assert.is(result.contract.status, 'verified');
    assert.is(rows.length, rowsOf(spec).length);
    const { contract } = resultOf(spec);
    assert.equal(contractDifferences(contract, result.contract), []);
  }));

test('a contract is compared in what every machine must find again', () => {
  const { contract } = resultOf(specFor('quick', 5));
  const changed = (change: object) => contractDifferences(contract, { ...structuredClone(contract), ...change });
  assert.equal(changed({}), []);
  const [first, ...others] = contract.gates;
  assert.equal(changed({ verified_on: { ...contract.verified_on, hardware: 'other' }, recommended_depth: 1 }), []);
  assert.match(changed({ model_hash: 'b'.repeat(64) })[0]!, /^model_hash: /);
  assert.match(changed({ gates: [{ ...first!, status: 'failed' }, ...others] })[0]!, /^gates.verify-vs-ar.status: /);
  const figures = { ...first!.figures, compared: 11 };
  assert.match(changed({ gates: [{ ...first!, figures }, ...others] })[0]!, /^gates.verify-vs-ar.figures.compared: /);
  assert.match(changed({ gates: others })[0]!, /^gates.verify-vs-ar: /);
  const acceptance = { ...contract.acceptance_by_depth, '1': { per_step: [0.5], accepted_length: 1.5, cycles: 9 } };
  assert.match(changed({ acceptance_by_depth: acceptance })[0]!, /^acceptance_by_depth\.1\./);
});

test('a contract is written whole, into a folder or to a file; what cannot be written is known beforehand', () =>
  inTemporaryFolder(async (folder) => {
    const { contract } = resultOf(specFor('quick', 5));
    const target = await contractTarget('/nowhere', folder);
    assert.is(target, join(folder, 'mtplx_runtime.json'));
    assert.is(await contractTarget('/nowhere', join(folder, 'other.json')), join(folder, 'other.json'));
    await writeFile(target, 'old');
    await writeContract(target, contract);
    assert.equal(await readdir(folder), ['mtplx_runtime.json']);
    assert.equal(parseContract(readFileSync(target, 'utf8')), { kind: 'ours', contract });
    await failsWith(() => contractTarget('/nowhere', undefined), 'MTPLX_E_UNWRITABLE', '/nowhere');
    // A folder in its place: the rename fails, and nothing is left.
    await mkdir(join(folder, 'taken'));
    await mkdir(join(folder, 'taken', 'inside'));
    await failsWith(() => writeContract(join(folder, 'taken'), contract), 'MTPLX_E_UNWRITABLE');
    assert.equal((await readdir(folder)).toSorted(), ['mtplx_runtime.json', 'taken']);
  }));

test.run();
