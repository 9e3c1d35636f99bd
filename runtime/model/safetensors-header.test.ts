import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readSafetensorsHeader } from './safetensors-header.ts';
import { failsWith, inTemporaryFolder, writeTensors } from './testing/files.ts';

const test = suite('safetensors header');

const two = new Map([
  ['a.weight', { dtype: 'F32', shape: [2, 3], bytes: new Uint8Array(24) }],
  ['b.weight', { dtype: 'BF16', shape: [5], bytes: new Uint8Array(10) }],
]);

function withHeader(header: string, data = 0): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, Buffer.from(header), Buffer.alloc(data)]);
}

test('tells where each tensor lies', () =>
  inTemporaryFolder(async (folder) => {
    const path = join(folder, 'x.safetensors');
    await writeTensors(path, two);
    const { tensors, bytes, metadata } = await readSafetensorsHeader(path);
    const [a, b] = [tensors.get('a.weight')!, tensors.get('b.weight')!];
    assert.equal([a.dtype, a.shape, b.dtype, b.shape], ['F32', [2, 3], 'BF16', [5]]);
    assert.equal([a.end - a.begin, b.begin - a.end, bytes - b.end], [24, 0, 0]);
    assert.equal(metadata, { format: 'mlx' });
  }));

test('a cut file names the tensor that is cut', () =>
  inTemporaryFolder(async (folder) => {
    const path = join(folder, 'x.safetensors');
    await writeTensors(path, two);
    const { bytes } = await readSafetensorsHeader(path);
    await truncate(path, bytes - 1);
    await failsWith(
      () => readSafetensorsHeader(path),
      'MTPLX_E_FILE_TRUNCATED',
      path,
      'b.weight',
      String(bytes),
      String(bytes - 1),
    );
    await truncate(path, bytes - 11);
    await failsWith(() => readSafetensorsHeader(path), 'MTPLX_E_FILE_TRUNCATED', path, 'a.weight');
    await truncate(path, 20);
    await failsWith(() => readSafetensorsHeader(path), 'MTPLX_E_FILE_TRUNCATED', path, 'the header');
  }));

const one = (entry: object, data = 4): Buffer => withHeader(JSON.stringify({ w: entry }), data);
const broken: [name: string, content: Buffer, word: string][] = [
  ['an empty file', Buffer.alloc(0), '0 bytes'],
  ['garbage', Buffer.from('this is a web page, not a model'), 'limit'],
  ['a huge header', Buffer.from([0, 0, 0, 0, 1, 0, 0, 0]), '4294967296 bytes'],
  ['no JSON', withHeader('{"a": '), 'not JSON'],
  ['a list', withHeader('[]'), 'not an object'],
  ['a tensor that is a number', withHeader('{"w": 1}'), 'tensor w'],
  ['an unknown dtype', one({ dtype: 'F7', shape: [1], data_offsets: [0, 4] }), 'tensor w'],
  ['an inherited name as dtype', one({ dtype: 'toString', shape: [1], data_offsets: [0, 4] }), 'tensor w'],
  ['a negative shape', one({ dtype: 'F32', shape: [-1], data_offsets: [0, 4] }), 'tensor w'],
  ['offsets that are no pair', one({ dtype: 'F32', shape: [1], data_offsets: [0] }), 'tensor w'],
  ['offsets that disagree with the shape', one({ dtype: 'F32', shape: [2], data_offsets: [0, 4] }), 'tensor w'],
  ['a hole before a tensor', one({ dtype: 'F32', shape: [1], data_offsets: [4, 8] }, 8), 'tensor w'],
  ['bytes after the last tensor', one({ dtype: 'F32', shape: [1], data_offsets: [0, 4] }, 5), 'end at byte'],
];
for (const [name, content, word] of broken) {
  test(`refuses ${name}`, () =>
    inTemporaryFolder(async (folder) => {
      const path = join(folder, 'x.safetensors');
      await writeFile(path, content);
      await failsWith(() => readSafetensorsHeader(path), 'MTPLX_E_FILE_BROKEN', path, word);
    }));
}

test('a missing file is named', () =>
  failsWith(() => readSafetensorsHeader('/nowhere/x.safetensors'), 'MTPLX_E_FILE_BROKEN', '/nowhere/x.safetensors'));

test.run();
