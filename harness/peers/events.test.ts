import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { eventData } from './events.ts';

const test = suite('server-sent events');

async function read(...pieces: (string | Uint8Array)[]): Promise<string[]> {
  const encoder = new TextEncoder();
  const body = (async function* (): AsyncGenerator<Uint8Array> {
    for (const piece of pieces) yield typeof piece === 'string' ? encoder.encode(piece) : piece;
  })();
  const all: string[] = [];
  for await (const data of eventData(body)) all.push(data);
  return all;
}

test('data lines, comments, other fields and an end without an empty line', async () => {
  assert.equal(await read('data: a\n\n: keep-alive\n\nevent: x\nid: 3\ndata:b\n\ndata: c'), ['a', 'b', 'c']);
  assert.equal(await read('data: a\r\n\r\ndata: b\r\rdata: c\n\n'), ['a', 'b', 'c']);
  assert.equal(await read('data: one\ndata: two\n\n'), ['one\ntwo']);
  assert.equal(await read(), []);
});

test('however the bytes are cut, the events are the same', async () => {
  const line = fc.string({ unit: fc.constantFrom('a', '{', ' ', 'ß', '🚀', ':') });
  await fc.assert(
    fc.asyncProperty(
      fc.array(line, { maxLength: 5 }),
      fc.constantFrom('\n', '\r\n', '\r'),
      fc.array(fc.nat(60)),
      async (events, newline, cuts) => {
        const bytes = new TextEncoder().encode(events.map((event) => `data: ${event}${newline}${newline}`).join(''));
        const at = [0, ...cuts.filter((cut) => cut < bytes.length), bytes.length].toSorted((a, b) => a - b);
        const pieces = at.slice(1).map((end, i) => bytes.subarray(at[i], end));
        assert.equal(await read(...pieces), events);
      },
    ),
  );
});

test.run();
