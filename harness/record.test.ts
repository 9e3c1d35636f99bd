import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Dictionary, Field, Float64, Int32, Int64, List, Utf8 } from 'apache-arrow';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MtplxError } from '../runtime/errors.ts';
import { encodeRecord, readRecord } from './record.ts';

const test = suite<{ folder: string }>('records');

test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'mtplx-record-'));
});
test.after.each(({ folder }) => rmSync(folder, { recursive: true }));

async function codeOf(action: Promise<unknown>): Promise<string> {
  const error = await action.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  assert.instance(error, MtplxError);
  return (error as MtplxError).code;
}

test('values, nulls, lists and metadata come back', async ({ folder }) => {
  const columns = {
    step: { type: new Int32(), values: [0, 1, 2] },
    seed: { type: new Int64(), values: [1n, 2n ** 53n, 3n] },
    ms: { type: new Float64(), values: [0.1, null, 2] },
    arm: { type: new Dictionary(new Utf8(), new Int32()), values: ['ar', 'mtp-d3', 'ar'] },
    tokens: { type: new List(new Field('token', new Int32(), false)), values: [[7], [], [8, 9]] },
  };
  const metadata = { suite: 'x', machine: '{"cpu":"y"}' };
  const file = join(folder, 'a.arrow');
  writeFileSync(file, encodeRecord(columns, metadata));
  assert.equal(await readRecord(file), {
    metadata,
    rows: [0, 1, 2].map((i) =>
      Object.fromEntries(Object.entries(columns).map(([name, { values }]) => [name, values[i]])),
    ),
  });
});

test('buffers are compressed', () => {
  const bytes = encodeRecord({ zero: { type: new Float64(), values: Array.from({ length: 10_000 }, () => 0) } }, {});
  assert.ok(bytes.length < 5_000, `${bytes.length} bytes`);
  // The magic number of a zstd frame.
  assert.ok(Buffer.from(bytes).includes(Buffer.from([0x28, 0xb5, 0x2f, 0xfd])));
});

for (const [name, content] of [
  ['missing', null],
  ['empty', ''],
  ['text', 'no Arrow file at all'],
  ['cut', encodeRecord({ x: { type: new Int32(), values: [1] } }, {}).subarray(0, 40)],
] as const) {
  test(`a ${name} file is not read`, async ({ folder }) => {
    const file = join(folder, name);
    if (content !== null) writeFileSync(file, content);
    assert.is(await codeOf(readRecord(file)), 'MTPLX_E_RUN_BROKEN');
  });
}

test.run();
