import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { packageRoot } from '../package.ts';
import { philox4x32, purposes, uniform, type Purpose } from './random.ts';

const test = suite('random');
const lines = readFileSync(join(packageRoot, 'kernels/common/testing/vectors.txt'), 'utf8').split('\n');

function vectors(kind: string): bigint[][] {
  return lines
    .map((line) => line.split(' '))
    .filter(([name]) => name === kind)
    .map(([, ...words]) => words.map((word) => BigInt(`0x${word}`)));
}

function bits(value: number): bigint {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  return view.getBigUint64(0);
}

test("Philox 4x32-10 gives the known answers of Random123's kat_vectors", () => {
  const known = vectors('philox4x32-10');
  assert.is(known.length, 3);
  for (const words of known) {
    const [c, k, expected] = [words.slice(0, 4), words.slice(4, 6), words.slice(6)].map((part) => part.map(Number));
    assert.equal([...philox4x32(Uint32Array.from(c!), Uint32Array.from(k!))], expected);
  }
});

test('uniform numbers have the bits that C++ gives, all-zero and all-one words among them', () => {
  const known = vectors('uniform');
  assert.ok(known.length > 60);
  const seen = new Set<number>();
  for (const [seed, choice, position, purpose, token, expected] of known) {
    const key = { seed: seed!, choice: Number(choice) };
    // The vectors reach words that no purpose of ours asks for.
    const value = uniform(key, Number(position), Number(purpose) as Purpose, Number(token));
    assert.is(bits(value), expected);
    seen.add(value);
  }
  assert.ok(seen.has(2 ** -54));
  assert.ok(seen.has(1 - 2 ** -53));
});

test('uniform numbers lie inside (0, 1) and have 53 bits', () => {
  const word = fc.integer({ min: 0, max: 0xffffffff });
  const key = fc.record({ seed: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), choice: word });
  fc.assert(
    fc.property(key, word, fc.constantFrom(...Object.values(purposes)), word, (k, position, purpose, token) => {
      const value = uniform(k, position, purpose, token);
      return value > 0 && value < 1 && (value === 2 ** -54 || Number.isInteger(value * 2 ** 53));
    }),
  );
});

test('the purpose, the position, the token, the choice and both halves of the seed change the number', () => {
  const base = uniform({ seed: 1n, choice: 0 }, 2, purposes.draft, 3);
  const others = [
    uniform({ seed: 2n, choice: 0 }, 2, purposes.draft, 3),
    uniform({ seed: 1n + 2n ** 32n, choice: 0 }, 2, purposes.draft, 3),
    uniform({ seed: 1n, choice: 1 }, 2, purposes.draft, 3),
    uniform({ seed: 1n, choice: 0 }, 3, purposes.draft, 3),
    uniform({ seed: 1n, choice: 0 }, 2, purposes.accept, 3),
    uniform({ seed: 1n, choice: 0 }, 2, purposes.draft, 4),
  ];
  assert.is(new Set([base, ...others]).size, 7);
});

test('uniform numbers fill (0, 1) evenly (chi square)', () => {
  const cells = Array.from({ length: 16 }, () => 0);
  const draws = 20000;
  for (let i = 0; i < draws; i++) {
    cells[Math.floor(uniform({ seed: 42n, choice: 0 }, i, purposes.target) * 16)]! += 1;
  }
  const chi2 = cells.reduce((sum, n) => sum + (n - draws / 16) ** 2 / (draws / 16), 0);
  assert.ok(chi2 < 37.7, `${chi2} with 15 degrees of freedom, p = 0.001 at 37.7`);
});

test.run();
