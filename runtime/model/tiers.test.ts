import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MtplxError } from '../errors.ts';
import { numericsVersion } from '../numerics.ts';
import { contractName, type ContractReading, parseContract } from './contract.ts';
import { openModelFolder } from './folder.ts';
import { aContract, originals } from './testing/contracts.ts';
import { failsWith, inTemporaryFolder, readJson, tiny, writeJson } from './testing/files.ts';
import { copyModel, tinyParts, writeModel } from './testing/packagings.ts';
import { decideTier, type TierFacts, tierOfFolder } from './tiers.ts';

const test = suite('tiers');
const hash = 'a'.repeat(64);
const ours = (change = {}): ContractReading => ({ kind: 'ours', contract: aContract(change) });
const facts = (change: Partial<TierFacts> = {}): TierFacts => ({
  folder: './model',
  model: { hash, mtp: true },
  error: null,
  contract: ours(),
  backend: 'cpu',
  numericsVersion: 1,
  ...change,
});
const decided = (change: Partial<TierFacts>) => {
  const { tier, exit, canRun, reason } = decideTier(facts(change));
  return [tier, exit, canRun, reason] as const;
};
const unverified = 'architecture-compatible-but-unverified';

test('a contract of ours verifies the checkpoint, backend and numerics version that it is for', () => {
  const [tier, exit, canRun] = decided({});
  assert.equal([tier, exit, canRun], ['verified', 0, true]);
});

test('everything else of a contract makes it unverified, with the reason and the next step', () => {
  const cases: [change: Partial<TierFacts>, word: string][] = [
    [{ contract: { kind: 'absent' } }, 'has no mtplx_runtime.json'],
    [{ contract: { kind: 'invalid', reason: 'it lacks arch_id' } }, 'it lacks arch_id'],
    [{ contract: parseContract(JSON.stringify(originals.optimized)) }, 'Python original'],
    [{ model: { hash: 'c'.repeat(64), mtp: true } }, 'another checkpoint'],
    [{ numericsVersion: 2 }, 'numerics version 1, this is 2'],
    [{ contract: ours({ status: 'failed' }) }, 'verification failed'],
    [{ contract: ours({ gates: [{ ...aContract().gates[0]!, status: 'failed' }] }) }, 'failed at verify-vs-ar'],
  ];
  for (const [change, word] of cases) {
    const [tier, exit, canRun, reason] = decided(change);
    assert.equal([tier, exit, canRun], [unverified, 3, true], word);
    assert.match(reason, word);
    assert.match(reason, 'mtplx verify ./model');
  }
});

test('a model without head, a family without backend, and a folder that does not fit itself', () => {
  assert.equal(decided({ model: { hash, mtp: false } }).slice(0, 3), ['no-MTP', 2, true]);
  const family = new MtplxError('MTPLX_E_MODEL_FAMILY', { file: 'config.json', family: 'mimo', supported: 'x' });
  assert.equal(decided({ model: null, error: family }).slice(0, 3), ['incompatible-architecture', 4, false]);
  const shape = new MtplxError('MTPLX_E_TENSOR_SHAPE', { file: 'a', tensor: 'b', expected: 'c', found: 'd' });
  assert.equal(decided({ model: null, error: shape }).slice(0, 3), [unverified, 3, false]);
});

test('only a valid contract of ours for this very model is ever verified', () => {
  const readings = [
    { kind: 'absent' } as const,
    { kind: 'invalid', reason: 'x' } as const,
    parseContract(JSON.stringify(originals.small)),
    ours(),
    ours({ status: 'failed' }),
    ours({ model_hash: 'd'.repeat(64) }),
  ];
  const any = fc.record({
    contract: fc.constantFrom(...readings),
    model: fc.constantFrom({ hash, mtp: true }, { hash, mtp: false }, { hash: 'e'.repeat(64), mtp: true }),
    numericsVersion: fc.constantFrom(1, 2),
  });
  fc.assert(
    fc.property(any, (change) => {
      const right = change.contract === readings[3] && change.model.mtp && change.model.hash === hash;
      assert.is(decideTier(facts(change)).exit === 0, right && change.numericsVersion === 1);
    }),
  );
});

test('folders: with a contract, with a broken one, without a head, of another family, without a model', () =>
  inTemporaryFolder(async (temporary) => {
    const folder = await copyModel(tiny('dense'), join(temporary, 'model'));
    assert.is((await tierOfFolder(folder)).exit, 3);
    const { hash: own } = await openModelFolder(folder);
    const contract = aContract({ model_hash: own, numerics_version: numericsVersion });
    await writeJson(join(folder, contractName), contract);
    assert.equal((await tierOfFolder(folder)).tier, 'verified');
    await writeFile(join(folder, contractName), JSON.stringify(contract).slice(0, 99));
    assert.match((await tierOfFolder(folder)).reason, 'not JSON');
    await writeJson(join(folder, contractName), contract);
    const config = await readJson(join(folder, 'config.json'));
    await writeJson(join(folder, 'config.json'), { ...config, note: 'another' });
    assert.match((await tierOfFolder(folder)).reason, 'another checkpoint');
    await writeJson(join(folder, 'config.json'), { ...config, model_type: 'mimo', text_config: undefined });
    assert.is((await tierOfFolder(folder)).exit, 4);

    const { config: plain, trunk } = await tinyParts('dense');
    const bare = await writeModel(join(temporary, 'bare'), plain, { 'model.safetensors': trunk });
    assert.is((await tierOfFolder(bare)).exit, 2);
    await mkdir(join(temporary, 'empty'));
    await failsWith(() => tierOfFolder(join(temporary, 'empty')), 'MTPLX_E_MODEL_NOT_FOUND');
  }));

test.run();
