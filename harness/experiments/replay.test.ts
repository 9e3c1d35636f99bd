import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { MtplxError } from '../../runtime/errors.ts';
import type { RunDescription } from './description.ts';
import { findRun } from './folder.ts';
import { compareRuns, replayRun, replaySchema, type ReplaySide } from './replay.ts';
import { runExperiment } from './run.ts';
import { toy } from './testing/toy.ts';

const test = suite('replay');

const description: RunDescription = {
  experiment: 'toy',
  spec_version: 1,
  spec: {},
  mtplx: '0.1.0',
  numerics_version: 1,
  commit: null,
  dirty: null,
  machine: {
    cpu: 'A CPU',
    cores: 1,
    usable_cores: 1,
    memory_bytes: 1,
    os: 'linux',
    arch: 'x64',
    governor: null,
    load_average: [0, 0, 0],
    node: 'v24',
    temperature_sensors: [],
  },
  engine: null,
  model: null,
  started: '2026-01-01T00:00:00.000Z',
};

type Step = { unit: string; tokens: number[]; logit_hash: string };

function side(rows: readonly Step[], rate = 1, change: Partial<RunDescription> = {}): ReplaySide {
  const rates = new Map(rows.map(({ unit }, i) => [unit, rate * (i + 1)]));
  return { folder: 'x', description: { ...description, ...change }, rows, rates };
}

const step: fc.Arbitrary<Step> = fc.record({
  unit: fc.constantFrom('a', 'b', 'c'),
  tokens: fc.array(fc.nat(9), { minLength: 1, maxLength: 3 }),
  logit_hash: fc.string({ minLength: 16, maxLength: 16 }),
});

test('the same rows are identical, whatever else differs', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 9 }), (rows) => {
      const document = replaySchema.parse(compareRuns(side(rows), side(structuredClone(rows), 2, { commit: 'x' })));
      assert.is(document.verdict, 'identical');
      assert.is(document.tokens?.rows, rows.length);
      assert.is(document.rate.ratio, 2);
      assert.ok(document.rate.low === 2 && document.rate.high === 2);
    }),
  );
});

test('any changed, missing or additional row is found and named', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 9 }), fc.nat(), fc.nat(3), (rows, pick, kind) => {
      const at = pick % rows.length;
      const changed = structuredClone(rows);
      const row = changed[at]!;
      if (kind === 0) row.tokens.push(7);
      else if (kind === 1) row.logit_hash = `~${row.logit_hash}`;
      else if (kind === 2) changed.splice(at, 1);
      else changed.push({ unit: 'd', tokens: [1], logit_hash: '' });
      const document = compareRuns(side(rows), side(changed));
      assert.is(document.verdict, 'different');
      const found = document.tokens!.equal ? document.logit_hashes! : document.tokens!;
      assert.ok(found.differing_rows >= 1);
      assert.match(found.first_difference!, /^[abcd], row \d/);
    }),
  );
});

test('another numerics version, or rows without tokens, compare nothing', () => {
  const rows = [{ unit: 'a', tokens: [1], logit_hash: 'x' }];
  const other = [{ unit: 'a', tokens: [2], logit_hash: 'y' }];
  assert.is(compareRuns(side(rows), side(other, 1, { numerics_version: 2 })).verdict, 'not-comparable');
  const bare: ReplaySide = { ...side(rows), rows: [{ unit: 'a', seconds: 1 }] };
  assert.equal([compareRuns(bare, bare).verdict, compareRuns(bare, bare).tokens], ['not-comparable', null]);
});

test('the interval holds the ratio of most units and knows how much they scatter', () => {
  const rates = (values: number[]): ReplaySide => {
    return { ...side([]), rates: new Map(values.map((value, i) => [`${i}`, value])) };
  };
  const one = rates(Array.from({ length: 40 }, () => 10));
  const two = rates(Array.from({ length: 40 }, (_, i) => 10 * (1 + 0.01 * (i % 5))));
  const { ratio, low, high, units } = compareRuns(one, two).rate;
  assert.is(units, 40);
  assert.ok(low <= ratio && ratio <= high && low >= 1 && high <= 1.04 && Math.abs(ratio - 1.02) < 1e-12);
});

test('a complete run is run again into a folder of its own; a stopped one is refused', async () => {
  const parent = mkdtempSync(join(tmpdir(), 'mtplx-replay-'));
  try {
    const spec = { numbers: [3, 4] };
    const { folder } = await runExperiment(toy(), spec, { parent });
    const { replay, document } = await replayRun(toy(), await findRun(folder), { parent });
    assert.not.equal(replay.folder, folder);
    assert.match(replay.folder, /toy-replay$/);
    assert.equal([document.verdict, document.rate.units], ['not-comparable', 2]);
    const failing = toy(({ key }) => {
      if (key === '1') throw new Error('on purpose');
    });
    const aside = join(parent, 'aside');
    await runExperiment(failing, spec, { parent: aside }).catch(() => undefined);
    const stopped = await findRun(readdirSync(aside)[0]!, aside);
    const error = await replayRun(toy(), stopped, { parent }).catch((caught: unknown) => caught);
    assert.is((error as MtplxError).code, 'MTPLX_E_RUN_MISMATCH');
  } finally {
    rmSync(parent, { recursive: true });
  }
});

test.run();
