import type { KernelRow, KernelsDocument } from '../../harness/kernels/document.ts';
import { type Column, table } from './table.ts';

const columns: Column[] = [
  { heading: 'kernel' },
  ...['threads', 'M', 'µs', 'GB/s', 'of bound', 't(M)/t(1)', 'MLX µs', '× MLX'].map((heading) => ({
    heading,
    numeric: true,
  })),
];

/** The result of `bench kernels` for a reader. */
export function kernelsReport({ rows, machine, engine }: KernelsDocument): string {
  return [
    table(columns, rows.map(line)),
    [
      'Medians; the arms take turns. Bound: a plain read of the bytes that the kernel reads and writes, by the same threads.',
      `MLX's times include its graph and eval. ${machine.cpu}, ${machine.usable_cores} of ${machine.cores} cores, MLX ${engine.mlx}, ${[...new Set(rows.map(({ isa }) => isa))].join(', ')}, g++ ${engine.compiler}`,
    ].join('\n'),
  ].join('\n\n');
}

function line(row: KernelRow): string[] {
  return [
    row.shape,
    `${row.threads}`,
    `${row.rows}`,
    row.us.toFixed(1),
    row.gb_s.toFixed(2),
    `${(row.share_of_bound * 100).toFixed(0)} %`,
    row.over_one_row?.toFixed(2) ?? '',
    row.mlx_us.toFixed(1),
    row.faster_than_mlx.toFixed(1),
  ];
}
