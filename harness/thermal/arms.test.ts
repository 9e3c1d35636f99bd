import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MtplxError } from '../../runtime/errors.ts';
import { parseArms } from './arms.ts';

const test = suite('arms of a thermal run');

test('arms keep their order', () => {
  const names = (text: string): string[] => parseArms(text).map(({ name }) => name);
  assert.equal(names('ar,mtp:3'), ['ar', 'mtp-d3']);
  assert.equal(names(' mtp:5 , mtp:1,ar'), ['mtp-d5', 'mtp-d1', 'ar']);
  assert.equal(parseArms('mtp:8')[0], { name: 'mtp-d8', depth: 8 });
});

for (const wrong of ['', 'mtp', 'mtp:0', 'mtp:9', 'mtp:10', 'AR', 'ar,', 'ar,ar', 'mtp:2,mtp:2', '3'])
  test(`"${wrong}" is refused`, () => {
    assert.throws(
      () => parseArms(wrong),
      (error: unknown) => error instanceof MtplxError && error.code === 'MTPLX_E_OPTION',
    );
  });

test.run();
