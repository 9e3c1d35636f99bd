import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { CycleMedians } from './medians.ts';
import { cycleParts, shares } from './shares.ts';

const test = suite('breakdown shares');

const row: CycleMedians = {
  wall: 1000,
  engine: 900,
  kernels: 400,
  hop: 100,
  overhead: 500,
  // Means that stand 2 : 1 over the medians of the row.
  byKernel: [
    { name: 'linear', us: 300, calls: 1 },
    { name: 'linear_add', us: 100, calls: 1 },
    { name: 'gated_delta', us: 120, calls: 1 },
    { name: 'gated_delta_commit', us: 80, calls: 1 },
    { name: 'attention', us: 60, calls: 1 },
    { name: 'kv_append', us: 40, calls: 1 },
    { name: 'a_new_kernel', us: 100, calls: 1 },
  ],
};

test('every kernel has its part, and the parts add up to the cycle', () => {
  const parts = cycleParts(row, 50);
  assert.equal(parts, {
    matmul: 200,
    gdn: 100,
    attention: 50,
    other_kernels: 50,
    engine_overhead: 500,
    hop: 100,
    typescript: 50,
  });
  assert.is(
    Object.values(parts).reduce((a, b) => a + b),
    row.wall + 50,
  );
});

test('shares add up to 1', () => {
  const share = shares(cycleParts(row, 50));
  assert.ok(Math.abs(Object.values(share).reduce((a, b) => a + b) - 1) < 1e-12);
  assert.is(share.engine_overhead, 500 / 1050);
});

test.run();
