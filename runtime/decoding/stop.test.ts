import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { StopStrings } from './stop.ts';

const test = suite('stop strings');

/** Few letters, so that stops overlap each other and themselves; one lies outside the BMP. */
const letters = fc.string({ unit: fc.constantFrom('a', 'b', '👩'), maxLength: 12 });
const stops = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '👩'), maxLength: 4 }), { maxLength: 4 });

/** Letter by letter: has any stop just been completed? */
function naive(text: string, all: readonly string[]): { text: string; found: string | null } {
  for (let end = 1; end <= text.length; end++) {
    const ended = all.filter((stop) => stop !== '' && text.slice(0, end).endsWith(stop));
    const [longest] = ended.toSorted((a, b) => b.length - a.length);
    if (longest !== undefined) return { text: text.slice(0, end - longest.length), found: longest };
  }
  return { text, found: null };
}

test('any text in any pieces ends where the first stop is complete', () => {
  fc.assert(
    fc.property(fc.array(letters, { maxLength: 6 }), stops, (pieces, all) => {
      const stream = new StopStrings(all);
      const shown = [...pieces.map((piece) => stream.push(piece)), stream.flush()];
      assert.equal({ text: shown.join(''), found: stream.found }, naive(pieces.join(''), all));
      for (const piece of shown) assert.ok(piece.isWellFormed());
    }),
    { numRuns: 2000 },
  );
});

test('nothing is held back that cannot begin a stop, and nothing is shown that could', () => {
  fc.assert(
    fc.property(fc.array(letters, { maxLength: 6 }), stops, (pieces, all) => {
      const stream = new StopStrings(all);
      let [seen, shown] = ['', ''];
      for (const piece of pieces) {
        seen += piece;
        shown += stream.push(piece);
        if (stream.found !== null) return;
        const open = Array.from(seen, (_, i) => Array.from(seen).slice(i).join('')).filter((rest) => begins(rest, all));
        assert.is(shown + (open[0] ?? ''), seen);
      }
    }),
    { numRuns: 1000 },
  );
});

function begins(rest: string, all: readonly string[]): boolean {
  return all.some((stop) => stop.length > rest.length && stop.startsWith(rest));
}

test('after a stop nothing is shown', () => {
  const stream = new StopStrings(['<end>']);
  assert.equal([stream.push('a<e'), stream.push('nd>b'), stream.push('c'), stream.flush()], ['a', '', '', '']);
  assert.is(stream.found, '<end>');
});

test.run();
