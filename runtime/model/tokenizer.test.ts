import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import fc from 'fast-check';
import type * as Tokenizers from 'tokenizers';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Detokenizer } from './detokenizer.ts';
import { loadTokenizer } from './tokenizer.ts';
import { embedded, failsWith, inTemporaryFolder } from './testing/files.ts';

const test = suite('tokenizer');

const file = join(embedded, 'tokenizer.json');
const native = await loadTokenizer(file, { backend: 'native' });
const portable = await loadTokenizer(file, { backend: 'portable' });
const texts = [
  '',
  'def quicksort(items):\n    return sorted(items)\n',
  '<|im_start|>user\nHi<|im_end|>\n<think>\n\n</think>',
  'emoji 👩‍👩‍👧‍👦 🇩🇪 👍🏽, CJK 漢字かな한국어, combining e\u0301 Z\u0351\u036b\u0343, RTL שלום',
  '\ufeffBOM, nul \0, \u2028 and a tab\t',
];
const anyText = fc.string({ unit: 'grapheme', maxLength: 40 });
const anyIds = fc.array(fc.integer({ min: 0, max: 4200 }), { maxLength: 40 });
const stream = (ids: Iterable<number>, skipSpecial = false): string[] => {
  const detokenizer = new Detokenizer(native, { skipSpecial });
  return [...Array.from(ids, (id) => detokenizer.push(id)), detokenizer.flush()];
};

test('both libraries are what they say, and agree', async () => {
  assert.equal([native.backend, portable.backend], ['native', 'portable']);
  assert.is((await loadTokenizer(file)).backend, 'native');
  assert.equal(native.specialIds, portable.specialIds);
  for (const text of texts) assert.equal(await native.encode(text), await portable.encode(text), text);
  await fc.assert(
    fc.asyncProperty(anyText, async (text) => assert.equal(await native.encode(text), await portable.encode(text))),
  );
});

test('text comes back as it was', async () => {
  for (const text of texts) assert.is(native.decode(await native.encode(text)), text);
  await fc.assert(fc.asyncProperty(anyText, async (text) => assert.is(native.decode(await native.encode(text)), text)));
});

test('decoding equals the native library own, also of ids that make no valid text', async () => {
  const { Tokenizer } = createRequire(import.meta.url)('tokenizers') as typeof Tokenizers;
  const library = Tokenizer.fromFile(file);
  await fc.assert(
    fc.asyncProperty(anyIds, fc.boolean(), async (ids, skipSpecial) =>
      assert.is(native.decode(ids, { skipSpecial }), await library.decode(ids, skipSpecial)),
    ),
  );
});

test('control tokens: recognised, special, left out when asked', async () => {
  assert.equal([...(await native.encode('<|im_end|>'))], [2]);
  assert.is(native.tokenToId('<|im_end|>'), 2);
  assert.is(native.tokenToId('no such token'), null);
  assert.ok(native.specialIds.has(2));
  assert.is(native.decode([2, ...(await native.encode('a')), 2], { skipSpecial: true }), 'a');
  assert.is(stream([2, ...(await native.encode('a')), 2], true).join(''), 'a');
});

test('ids outside the vocabulary have no text', () => {
  assert.is(native.decode([1_000_000, -1]), '');
});

test('lone surrogates become replacement characters', async () => {
  assert.is(native.decode(await native.encode('a\ud83d b')), 'a\ufffd b');
});

test('the stream is the whole text, at any split', () => {
  fc.assert(
    fc.property(anyIds, fc.boolean(), (ids, skipSpecial) =>
      assert.is(stream(ids, skipSpecial).join(''), native.decode(ids, { skipSpecial })),
    ),
  );
});

test('no piece ends inside a character', async () => {
  for (const text of texts) {
    const ids = await native.encode(text);
    const pieces = stream(ids);
    assert.is(pieces.join(''), text);
    for (const piece of pieces) assert.ok(piece.isWellFormed() && !piece.includes('\ufffd'), JSON.stringify(piece));
  }
  const bytes = await native.encode('👩');
  assert.ok(bytes.length > 1, 'the example is split by the tokenizer');
  assert.equal(stream(bytes), [...Array.from({ length: bytes.length - 1 }, () => ''), '👩', '']);
});

test('an unfinished character shows at the end, and the detokenizer starts afresh', async () => {
  const detokenizer = new Detokenizer(native);
  const [first] = await native.encode('👩');
  assert.is(detokenizer.push(first!), '');
  assert.is(detokenizer.flush(), '\ufffd');
  assert.is(detokenizer.push((await native.encode('a'))[0]!), 'a');
});

test('refuses what is no byte-level tokenizer', () =>
  inTemporaryFolder(async (folder) => {
    const path = join(folder, 'tokenizer.json');
    await failsWith(() => loadTokenizer(path), 'MTPLX_E_TOKENIZER', path);
    const json = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
    await writeFile(path, JSON.stringify({ ...json, decoder: { type: 'Metaspace' } }));
    await failsWith(() => loadTokenizer(path), 'MTPLX_E_TOKENIZER', path, 'Metaspace');
    await writeFile(path, JSON.stringify({ ...json, model: { type: 'Nonsense' } }));
    await failsWith(() => loadTokenizer(path), 'MTPLX_E_TOKENIZER', path);
  }));

test.run();
