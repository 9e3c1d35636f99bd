import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { table } from './table.ts';

const test = suite('table');

test('text stands left, numbers right', () => {
  const text = table(
    [{ heading: 'arm' }, { heading: 'tok/s', numeric: true }, { heading: 'note' }],
    [
      ['ar', '9.5', ''],
      ['mtp-d3', '118.25', 'best'],
    ],
  );
  assert.is(text, ['arm      tok/s  note', 'ar         9.5', 'mtp-d3  118.25  best'].join('\n'));
});

test('a character takes one column, however it is encoded', () => {
  assert.is(table([{ heading: 'a' }, { heading: 'b' }], [['𝐓e\u0301', 'x']]), 'a   b\n𝐓e\u0301  x');
});

test('no rows leave the headings', () => {
  assert.is(table([{ heading: 'arm' }, { heading: 'tok/s', numeric: true }], []), 'arm  tok/s');
});

test.run();
