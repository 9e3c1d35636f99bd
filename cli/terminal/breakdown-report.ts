import type { BreakdownDocument } from '../../harness/breakdown/document.ts';
import { type Column, table } from './table.ts';

/** The result of `bench breakdown` for a reader: shares of a cycle, and the bound beside it. */
export function breakdownReport({ rows, step_bytes, draft_bytes, machine, engine, cycles }: BreakdownDocument): string {
  const headings = [
    'cycle µs',
    'matmul',
    'GDN',
    'attention',
    'other',
    'engine',
    'hop',
    'TypeScript',
    'hop µs',
    'bound µs',
  ];
  const columns: Column[] = ['threads', 'depth', ...headings].map((heading) => ({ heading, numeric: true }));
  const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
  const lines = rows.map(({ threads, depth, cycle_us, share, us, bound_us }) => [
    `${threads}`,
    depth === 0 ? 'ar' : `${depth}`,
    cycle_us.toFixed(0),
    ...[share.matmul, share.gdn, share.attention, share.other_kernels].map(percent),
    ...[share.engine_overhead, share.hop, share.typescript].map(percent),
    us.hop.toFixed(0),
    bound_us.toFixed(0),
  ]);
  const rates = [...new Map(rows.map((row) => [row.threads, row.read_bytes_per_s]))];
  const speeds = rates.map(([threads, rate]) => `${(rate / 1e9).toFixed(1)} GB/s with ${threads} threads`).join(', ');
  return [
    table(columns, lines),
    [
      `Medians of ${cycles} cycles. Bound: reading ${mebibytes(step_bytes)} MiB of weights for the step and ${mebibytes(draft_bytes)} MiB for each draft at ${speeds}.`,
      `${machine.cpu}, ${machine.usable_cores} of ${machine.cores} cores, load ${machine.load_average.map((value) => value.toFixed(2)).join(' ')}, MLX ${engine.mlx} ${engine.isa}, Node ${machine.node}`,
    ].join('\n'),
  ].join('\n\n');
}

const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);
