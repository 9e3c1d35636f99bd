import { ratio } from '../../harness/averages.ts';
import type { Figure } from './figure.ts';
import { comparisonsOf, inPanels, linesWithPoints, threeLines } from './panels.ts';

const lines = ['verify M rows', 'whole cycle, drafts included', 'M separate steps'] as const;

export const costOfRows: Figure = {
  name: 'cost-of-rows',
  title: 'Cost of M rows',
  caption:
    'What M = depth + 1 rows cost in one verify over one row, and the whole cycle over a plain step: ratios of medians. Drafting pays where the accepted length is above the cycle.',
  spec: (records) => {
    const points = comparisonsOf(records).flatMap(({ panel, plain, arms }) =>
      arms.flatMap(({ depth, ms, cycleMs }) => {
        const costs = [ratio(ms.verify, plain.ms.verify), ratio(cycleMs, plain.cycleMs), depth + 1];
        return lines.map((line, i) => ({ panel, line, rows: depth + 1, cost: costs[i]! }));
      }),
    );
    if (points.length === 0) return null;
    const encoding = {
      x: { field: 'rows', type: 'ordinal', title: 'rows M', axis: { labelAngle: 0 } },
      y: { field: 'cost', type: 'quantitative', title: 'cost, one row = 1', scale: { zero: true } },
      ...threeLines(lines),
    } as const;
    return inPanels(costOfRows.title, points, encoding, linesWithPoints);
  },
};
