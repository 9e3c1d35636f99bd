import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Detokenizer } from './detokenizer.ts';
import type { Tokenizer } from './tokenizer.ts';

const test = suite('detokenizer');

/** Ids that stand for any bytes: the first 256 for one each, the others for pieces of characters. */
const tokens: Uint8Array[] = [
  ...Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte)),
  ...['f09f', '91a9', 'e2808d', 'c3', 'a9c3', 'f09f91a9', 'eda080', 'c080', 'f4908080', 'efbbbf', '61ff', ''].map(
    (hex) => Uint8Array.from(Buffer.from(hex, 'hex')),
  ),
];
const special = 0x40;
const tokenizer = {
  specialIds: new Set([special]),
  bytes: (id: number) => tokens[id]!,
} as Pick<Tokenizer, 'specialIds' | 'bytes'> as Tokenizer;

const anyId = fc.oneof(
  { weight: 2, arbitrary: fc.nat(tokens.length - 1) },
  { weight: 3, arbitrary: fc.integer({ min: 256, max: tokens.length - 1 }) },
  { weight: 1, arbitrary: fc.constant(special) },
);
const ids = fc.array(anyId, { maxLength: 12 });
const validText = fc.string({ unit: 'binary', maxLength: 12 }).map((text) => text.toWellFormed());

/** Length of the unfinished character at the end of the bytes, by trying: it becomes valid with some continuation. */
function unfinished(bytes: Buffer): number {
  const continuations = ['80', 'a0', '90', '8080', 'a080', '9080', '808080', '908080'].map((hex) =>
    Buffer.from(hex, 'hex'),
  );
  for (const n of [3, 2, 1]) {
    const tail = bytes.subarray(Math.max(0, bytes.length - n));
    const whole = continuations.some((more) => {
      const text = Buffer.concat([tail, more]).toString('utf8');
      return Array.from(text).length === 1 && text !== '\ufffd';
    });
    if (tail.length === n && whole) return n;
  }
  return 0;
}

test('after every id all that is finished is shown, and nothing else; together it is the decoded whole', () => {
  fc.assert(
    fc.property(ids, fc.boolean(), (stream, skipSpecial) => {
      const detokenizer = new Detokenizer(tokenizer, { skipSpecial });
      let bytes = Buffer.alloc(0);
      let shown = '';
      for (const id of stream) {
        shown += detokenizer.push(id);
        if (!(skipSpecial && id === special)) bytes = Buffer.concat([bytes, tokens[id]!]);
        assert.is(shown, bytes.subarray(0, bytes.length - unfinished(bytes)).toString('utf8'));
      }
      assert.is(shown + detokenizer.flush(), bytes.toString('utf8'));
    }),
    { numRuns: 3000 },
  );
});

test('valid text byte by byte: pieces are whole characters, none is a replacement', () => {
  fc.assert(
    fc.property(validText, (text) => {
      const detokenizer = new Detokenizer(tokenizer);
      const pieces = [...Buffer.from(text, 'utf8')].map((byte) => detokenizer.push(byte));
      assert.equal(
        pieces.filter((piece) => piece !== ''),
        Array.from(text),
      );
      assert.is(detokenizer.flush(), '');
    }),
  );
});

test('a flush starts afresh', () => {
  const detokenizer = new Detokenizer(tokenizer);
  assert.equal(
    [detokenizer.push(0xf0), detokenizer.flush(), detokenizer.push(0x9f), detokenizer.push(0x61)],
    ['', '\ufffd', '\ufffd', 'a'],
  );
});

test.run();
