import { ratio } from '../averages.ts';
import type { SummaryContext } from '../experiments/experiment.ts';
import { originOf } from '../header.ts';
import type { KernelRow, KernelsDocument } from './document.ts';

interface TimedRow {
  kernel: string;
  threads: number;
  isa: string;
  shape: string;
  rows: number;
  bytes: number;
  us: number;
  mlx_us: number;
  read_us: number;
}

/** Derives what the table shows; see document.ts for the definitions. */
export function kernelRows(timed: readonly TimedRow[]): KernelRow[] {
  return timed.map(({ kernel, threads, isa, shape, rows, bytes, us, mlx_us, read_us }) => {
    const one = timed.find(
      (other) => other.shape === shape && other.kernel === kernel && other.threads === threads && other.rows === 1,
    );
    return {
      kernel,
      shape,
      threads,
      isa,
      rows,
      us,
      gb_s: ratio(bytes, us) / 1e3,
      share_of_bound: ratio(read_us, us),
      over_one_row: one === undefined ? null : ratio(us, one.us),
      mlx_us,
      faster_than_mlx: ratio(mlx_us, us),
    };
  });
}

export function summariseKernels(rows: readonly TimedRow[], context: SummaryContext): KernelsDocument {
  const { mlx, compiler } = context.description.engine!;
  return { ...originOf(context), engine: { mlx, compiler }, rows: kernelRows(rows) };
}
