import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { packageRoot } from '../package.ts';
import { exp, log } from './fixed-math.ts';

const test = suite('fixed math');
const view = new DataView(new ArrayBuffer(8));
const lines = readFileSync(join(packageRoot, 'kernels/common/testing/vectors.txt'), 'utf8').split('\n');

function bits(value: number): string {
  view.setFloat64(0, value);
  return view.getBigUint64(0).toString(16).padStart(16, '0');
}

function number(hex: string): number {
  view.setBigUint64(0, BigInt(`0x${hex}`));
  return view.getFloat64(0);
}

/** Distance in units of the last place of `exact`. */
function ulps(found: number, exact: number): number {
  view.setFloat64(0, Math.abs(exact));
  view.setBigUint64(0, view.getBigUint64(0) + 1n);
  return Math.abs(found - exact) / (view.getFloat64(0) - Math.abs(exact));
}

for (const [name, f] of Object.entries({ exp, log })) {
  test(`${name} gives the bits that C++ gives`, () => {
    const known = lines.map((line) => line.split(' ')).filter(([kind]) => kind === name);
    assert.ok(known.length > 200);
    for (const [, x, expected] of known) {
      assert.is(bits(f(number(x!))), expected, `${name}(${number(x!)})`);
    }
  });
}

// Math.exp and Math.log are themselves within 1 ulp: the bounds are those against long double in C++, plus one.
test('exp is within 2 ulp of Math.exp', () => {
  fc.assert(
    fc.property(fc.double({ min: -707, max: 709, noNaN: true }), (x) => ulps(exp(x), Math.exp(x)) <= 2),
    { numRuns: 2000 },
  );
});

test('log is within 3 ulp of Math.log', () => {
  fc.assert(
    fc.property(fc.double({ min: 5e-324, noNaN: true, noDefaultInfinity: true }), (x) =>
      x === 1 ? log(x) === 0 : ulps(log(x), Math.log(x)) <= 3,
    ),
    { numRuns: 2000 },
  );
});

test('edges', () => {
  assert.is(exp(0), 1);
  assert.is(exp(-708.1), 0);
  assert.is(exp(709.1), Infinity);
  assert.is(exp(Infinity), Infinity);
  assert.is(exp(-Infinity), 0);
  assert.ok(Number.isNaN(exp(NaN)));
  assert.is(log(1), 0);
  assert.is(log(0), -Infinity);
  assert.is(log(Infinity), Infinity);
  assert.ok(Number.isNaN(log(-1e-300)));
  assert.ok(Number.isNaN(log(NaN)));
});

test.run();
