import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { kernelRows } from './summary.ts';

const base = { kernel: 'linear', threads: 2, isa: 'avx2', shape: '384x2048', bytes: 500_000, mlx_us: 900, read_us: 10 };

test('a row is measured against one row of its own shape, kernel and threads', () => {
  const rows = kernelRows([
    { ...base, rows: 1, us: 20 },
    { ...base, rows: 4, us: 50 },
    { ...base, rows: 4, us: 90, threads: 1 },
    { ...base, rows: 4, us: 70, shape: 'other' },
  ]);
  assert.equal(
    rows.map((row) => row.over_one_row),
    [1, 2.5, null, null],
  );
});

test('rates, the bound and the ratio to MLX', () => {
  const [row] = kernelRows([{ ...base, rows: 1, us: 20 }]);
  assert.is(row!.gb_s, 25);
  assert.is(row!.share_of_bound, 0.5);
  assert.is(row!.faster_than_mlx, 45);
});

test.run();
