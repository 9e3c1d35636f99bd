import { breakdownColumns } from '../../harness/breakdown/rows.ts';
import type { CycleParts } from '../../harness/breakdown/shares.ts';
import { summariseBreakdown } from '../../harness/breakdown/summary.ts';
import { rowSchema } from '../../harness/experiments/columns.ts';
import { rowsWith } from '../record.ts';
import type { Figure, LabelledRecord } from './figure.ts';
import { panelOf, stackedByDepth } from './panels.ts';

const names: Record<keyof CycleParts, string> = {
  matmul: 'matmul',
  gdn: 'GDN',
  attention: 'attention',
  other_kernels: 'other kernels',
  engine_overhead: 'engine, outside kernels',
  hop: 'hop to the engine and back',
  typescript: 'TypeScript',
};
const parts = Object.keys(names) as (keyof CycleParts)[];

const storedRow = rowSchema({ ...breakdownColumns, unit: 'text' });

export const cycleShares: Figure = {
  name: 'cycle-shares',
  title: 'Shares of a cycle',
  caption:
    'Which share of a cycle its parts take, from medians over the cycles: kernels by kind, the engine outside kernels, the way between TypeScript and the engine and back, and the decision in TypeScript.',
  spec: (records) => {
    const shares = records.flatMap(sharesOf);
    if (shares.length === 0) return null;
    const domain = parts.map((part) => names[part]);
    return stackedByDepth(cycleShares.title, shares, domain, { title: 'share of a cycle', format: '.0%' });
  },
};

function sharesOf(record: LabelledRecord) {
  const rows = rowsWith(record, storedRow);
  if (rows.length === 0) return [];
  return summariseBreakdown(rows).rows.flatMap(({ threads, depth, share }) => {
    const panel = panelOf(record.label, `${threads} thread${threads === 1 ? '' : 's'}`);
    return parts.map((part) => ({ panel, depth, part: names[part], value: share[part] }));
  });
}
