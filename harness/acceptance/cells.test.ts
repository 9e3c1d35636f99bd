import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cellKey, cellsOf, contextOf } from './cells.ts';

const test = suite('cells of an acceptance study');

test('cells rise, come once, and have keys of their own', () => {
  const cells = cellsOf({
    temperatures: [0.6, 0, 0.6],
    rules: ['coupled', 'leviathan', 'coupled'],
    contexts: [512, 128],
  });
  assert.equal(cells.map(cellKey), [
    'T0/coupled',
    'T0/leviathan',
    'T0.6/coupled',
    'T0.6/leviathan',
    'context/128',
    'context/512',
  ]);
});

test('contexts of one prompt end with the same tokens and are as long as they say', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 1, max: 500 }), (length, context) => {
      const prompt = Int32Array.from({ length }, (_, i) => i);
      const tokens = contextOf(prompt, context);
      if (length >= context) assert.equal(tokens, prompt.slice(length - context));
      else if (length < 0.9 * context) assert.is(tokens, null);
      else assert.equal(tokens, prompt);
    }),
  );
});

test.run();
