import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { packageRoot } from '../package.ts';
import { contractJsonSchema, parseContract } from './contract.ts';
import { aContract, originals } from './testing/contracts.ts';

const test = suite('contract');
const parsed = (value: unknown) => parseContract(JSON.stringify(value));

test('contracts of the original parse, and read as such', () => {
  for (const [name, contract] of Object.entries(originals)) assert.is(parsed(contract).kind, 'original', name);
});

test('a contract of ours comes back as it is', () => {
  const contract = aContract();
  assert.equal(parsed(contract), { kind: 'ours', contract });
});

test('the original accepts ours: every key that it requires is there, with a profile that it knows', () => {
  const { contract_version: _, ...rest } = aContract();
  assert.is(parsed(rest).kind, 'original');
});

test('missing keys are named, all of them', () => {
  const { arch_id: _, verified_on: _v, ...rest } = originals.optimized;
  const reading = parsed(rest);
  assert.equal(reading, { kind: 'invalid', reason: 'it lacks arch_id, verified_on' });
});

test('what blocks a badge of the original', () => {
  const blocker = (change: object) => {
    const reading = parsed({ ...originals.optimized, ...change });
    return reading.kind === 'original' ? reading.blocker : reading.kind;
  };
  assert.is(blocker({}), null);
  assert.is(blocker({ exactness_baseline: { status: 'needs_reverify' } }), 'exactness_baseline is needs_reverify');
  assert.is(blocker({ speed_evidence: { status: 'candidate_build_only' } }), 'speed_evidence is candidate_build_only');
  assert.is(
    blocker({ speed_evidence: { verdict: 'no_mtp_depth_beat_ar' } }),
    'speed_evidence says no_mtp_depth_beat_ar',
  );
  assert.is(blocker({ exactness_baseline: { public_release_blocker: true } }), 'exactness_baseline blocks a release');
  assert.is(blocker({ mtp_depth_max: 0 }), 'invalid');
  assert.is(blocker({ recommended_profile: 'turbo' }), 'invalid');
});

/** A value with one place in it replaced, removed, or cut off. */
const corruption = fc.record({ at: fc.nat(), value: fc.jsonValue(), remove: fc.boolean(), cut: fc.nat() });

test('any corruption gives a reading with a reason, never a crash', () => {
  const sources = [aContract(), ...Object.values(originals)];
  fc.assert(
    fc.property(fc.constantFrom(...sources), corruption, (source, { at, value, remove }) => {
      const changed = replaced(source, at, value, remove);
      const reading = parsed(changed);
      assert.ok(['ours', 'original', 'invalid'].includes(reading.kind));
      if (reading.kind === 'invalid') assert.ok(reading.reason.length > 0);
      if (reading.kind === 'ours') assert.equal(reading.contract, changed);
    }),
    { numRuns: 1000 },
  );
  fc.assert(
    fc.property(fc.constantFrom(...sources), fc.nat(), fc.string(), (source, at, junk) => {
      const text = JSON.stringify(source);
      const cut = at % text.length;
      const reading = parseContract(text.slice(0, cut) + junk);
      assert.ok(reading.kind !== 'invalid' || reading.reason.length > 0);
    }),
    { numRuns: 1000 },
  );
  for (const text of ['', 'null', '[]', '3', '"x"', '{}']) assert.is(parseContract(text).kind, 'invalid', text);
});

test('docs/mtplx_runtime.schema.json is the schema', () => {
  const file = join(packageRoot, 'docs/mtplx_runtime.schema.json');
  const committed: unknown = JSON.parse(readFileSync(file, 'utf8'));
  assert.equal(committed, contractJsonSchema(), 'run npm run schema');
});

/** Replaces or removes the n-th leaf or branch of a value, counted in depth first order. */
function replaced(value: unknown, n: number, by: unknown, remove: boolean): unknown {
  const copy = structuredClone(value) as Record<string, unknown>;
  const places: [Record<string, unknown>, string][] = [];
  const walk = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    for (const key of Object.keys(node)) {
      places.push([node as Record<string, unknown>, key]);
      walk((node as Record<string, unknown>)[key]);
    }
  };
  walk(copy);
  const [parent, key] = places[n % places.length]!;
  if (remove) {
    if (Array.isArray(parent)) parent.splice(Number(key), 1);
    else delete parent[key];
  } else parent[key] = by;
  return copy;
}

test.run();
