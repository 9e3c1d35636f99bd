import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeRecord, readRecord } from '../record.ts';
import { type Columns, recordColumns, type RowOf, rowSchema } from './columns.ts';

const test = suite('columns');

const columns = {
  a: 'text',
  b: 'int',
  c: 'long',
  d: 'float',
  e: 'flag',
  f: 'texts',
  g: 'ints',
  h: 'floats',
  i: 'text?',
  j: 'long?',
  k: 'float?',
  l: 'ints?',
} as const satisfies Columns;

const float = fc.double({ noNaN: true, noDefaultInfinity: true });
const row: fc.Arbitrary<RowOf<typeof columns>> = fc.record({
  a: fc.string(),
  b: fc.integer(),
  c: fc.maxSafeInteger(),
  d: float,
  e: fc.boolean(),
  f: fc.array(fc.string(), { maxLength: 3 }),
  g: fc.array(fc.integer(), { maxLength: 3 }),
  h: fc.array(float, { maxLength: 3 }),
  i: fc.option(fc.string()),
  j: fc.option(fc.maxSafeInteger()),
  k: fc.option(float),
  l: fc.option(fc.array(fc.integer(), { maxLength: 3 })),
});

test('rows survive the journal and the record', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mtplx-columns-'));
  try {
    await fc.assert(
      fc.asyncProperty(fc.array(row, { maxLength: 8 }), async (rows) => {
        const schema = rowSchema(columns);
        const read = rows.map((value) => schema.parse(JSON.parse(JSON.stringify(value))));
        // JSON has no negative zero.
        const positive = JSON.parse(JSON.stringify(rows)) as typeof rows;
        assert.equal(read, positive);
        const file = join(folder, 'x.arrow');
        writeFileSync(file, encodeRecord(recordColumns(columns, read), {}));
        const stored = (await readRecord(file)).rows.map((value) => ({
          ...value,
          c: Number(value['c']),
          j: value['j'] === null ? null : Number(value['j']),
        }));
        assert.equal(stored, positive);
      }),
      { numRuns: 50 },
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});

const good = { a: '', b: 0, c: 0, d: 0, e: false, f: [], g: [], h: [], i: null, j: null, k: null, l: null };
for (const [name, change] of [
  ['a null where none may be', { b: null }],
  ['NaN', { d: NaN }],
  ['an infinity in a list', { h: [Infinity] }],
  ['a fraction', { b: 0.5 }],
  ['more than 32 bits', { g: [2 ** 31] }],
  ['more than 53 bits', { c: 2 ** 53 }],
  ['a column too many', { z: 1 }],
  ['a column too few', { a: undefined }],
] as const) {
  test(`${name} is refused`, () => {
    const schema = rowSchema(columns);
    assert.ok(schema.safeParse(good).success);
    assert.not.ok(schema.safeParse({ ...good, ...change }).success);
  });
}

test.run();
