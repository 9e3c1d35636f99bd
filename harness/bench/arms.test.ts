import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MtplxError } from '../../runtime/errors.ts';
import { armsOf, parseDepths } from './arms.ts';

const test = suite('bench arms');

test('depths as a list, as a range, and both', () => {
  assert.equal(parseDepths('ar'), [0]);
  assert.equal(parseDepths('3'), [3]);
  assert.equal(parseDepths('ar,1..5'), [0, 1, 2, 3, 4, 5]);
  assert.equal(parseDepths(' 2, 4..6 ,8'), [2, 4, 5, 6, 8]);
});

for (const wrong of ['', 'x', '0', '9', '1..9', '5..1', '1..', '..3', '-1', '1.5', '1,,2', 'ar,', 'AR', '1...3']) {
  test(`"${wrong}" is refused`, () => {
    assert.throws(
      () => parseDepths(wrong),
      (error: unknown) => error instanceof MtplxError && error.code === 'MTPLX_E_OPTION',
    );
  });
}

test('arms rise, come once, and plain decoding is always there', () => {
  assert.equal(armsOf([3]), [
    { name: 'ar', depth: 0 },
    { name: 'mtp-d3', depth: 3 },
  ]);
  assert.equal(
    armsOf([5, 1, 5, 0]).map(({ name }) => name),
    ['ar', 'mtp-d1', 'mtp-d5'],
  );
});

test.run();
