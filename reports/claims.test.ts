import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkClaims } from './claims.ts';

const test = suite('claims');

const sweep = {
  best: 1.7951,
  arms: [
    { name: 'ar', tok_s: 203.4, speedup: { value: 1, low: 1, high: 1 }, acceptance: [] },
    { name: 'mtp-d1', tok_s: 248.5, speedup: { value: 1.3249, low: 1.2, high: 1.4551 }, acceptance: [0.844] },
  ],
};
const read = (record: string): unknown => (record === 'reports/results/sweep' ? sweep : undefined);

const head = '<!-- figures: reports/results/sweep\npath: arms.{column}.{row}\ncolumns: ar mtp-d1';
function table(tokS: string, ratio: string): string {
  return `${head}\nrows: tok_s speedup.value,speedup.low,speedup.high -->\n| | plain | D1 |\n| --- | --- | --- |\n| tok/s | 203 | ${tokS} |\n| ratio | 1.00 (1.00 … 1.00) | ${ratio} |\n`;
}

test('numbers at the printed precision pass', () => {
  for (const tokS of ['248.5', '248', '249']) {
    const { problems, compared, filled } = checkClaims(table(tokS, '1.32 (1.20 … 1.46)'), read);
    assert.equal(problems, []);
    assert.is(compared, 8);
    assert.is(filled, table(tokS, '1.32 (1.20 … 1.46)'));
  }
  const sentence =
    'It is 1.80×<!-- figure: reports/results/sweep best --> as fast, and 84 %<!-- figure: reports/results/sweep arms.mtp-d1.acceptance.0 --> are accepted.\n';
  assert.equal(checkClaims(sentence, read).problems, []);
});

test('another number is found, and filled in at its own precision', () => {
  const { problems, filled } = checkClaims(table('250.0', '1.33 (1.2 … 1.46)'), read);
  assert.equal(problems, [
    'line 1: 250.0 is printed, reports/results/sweep says 248.5 at arms.mtp-d1.tok_s',
    'line 1: 1.33 is printed, reports/results/sweep says 1.3249 at arms.mtp-d1.speedup.value',
  ]);
  assert.is(filled, table('248.5', '1.32 (1.2 … 1.46)'));
  assert.equal(checkClaims(filled, read).problems, []);
});

test('any number that is off by more than its last digit is found', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 3 }),
      fc.double({ min: 0.01, max: 999, noNaN: true }),
      fc.boolean(),
      (decimals, value, wrong) => {
        const step = 10 ** -decimals;
        const printed = (value + (wrong ? 1.01 * step : 0)).toFixed(decimals);
        const text = `speed ${printed} tok/s<!-- figure: r x -->\n`;
        const { problems, filled } = checkClaims(text, () => ({ x: value }));
        assert.is(problems.length, wrong ? 1 : 0);
        assert.equal(checkClaims(filled, () => ({ x: value })).problems, []);
      },
    ),
  );
});

for (const [name, text, problem] of [
  [
    'a table of figures without a record',
    '| | a | b |\n| --- | --- | --- |\n| tok/s | 203 | 248 |\n',
    'line 1: a table of figures',
  ],
  ['a sentence without a record', 'First.\n\nIt makes 203 tok/s here.\n', 'line 3: "203 tok/s" names no record'],
  ['a ratio without a record', 'It is 1.8× as fast.\n', '"1.8×"'],
  ['a time without a record', 'A step takes 3.3 ms.\n', '"3.3 ms"'],
  [
    'a record that is not there',
    'It is 1.8×<!-- figure: reports/results/none best -->.\n',
    'there is no record reports/results/none',
  ],
  [
    'a path that is not there',
    'It is 1.8×<!-- figure: reports/results/sweep arms.mtp-d9.tok_s -->.\n',
    'no number at arms.mtp-d9.tok_s',
  ],
  [
    'a comment of another shape',
    `${head}\nrows: tok_s -->\n| | plain |\n| --- | --- |\n| tok/s | 203 |\n`,
    'its comment 1 of 2',
  ],
  ['too few numbers in a cell', table('248', '1.32'), '1 numbers for'],
] as const) {
  test(`${name} is found`, () => {
    const { problems } = checkClaims(text, read);
    assert.is(problems.length, 1, problems.join('\n'));
    assert.match(problems[0]!, problem);
  });
}

test('code, flags and unchecked cells are left alone', () => {
  const text = `\`\`\`\n203 tok/s\n\`\`\`\n| flag | meaning |\n| --- | --- |\n| \`--depth\` | 0 to 8 (3) |\n`;
  assert.equal(checkClaims(text, read), { problems: [], filled: text, compared: 0 });
  const free = `${head.replace('mtp-d1', '-')}\nrows: tok_s - -->\n| | plain | note |\n| --- | --- | --- |\n| tok/s | 203 | 7 |\n| runs | 9 | 9 |\n`;
  assert.equal(checkClaims(free, read), { problems: [], filled: free, compared: 1 });
});

test.run();
