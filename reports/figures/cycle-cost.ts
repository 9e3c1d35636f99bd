import { type CyclePart, cycleParts } from '../generations.ts';
import type { Figure } from './figure.ts';
import { comparisonsOf, inPanels } from './panels.ts';

const names: Record<CyclePart, string> = {
  commit: 'commit',
  draft: 'draft',
  verify: 'verify',
  candidates: 'candidates',
  overhead: 'overhead: MLX, outside kernels',
  outside: 'outside: hop and TypeScript',
};

export const cycleCost: Figure = {
  name: 'cycle-cost',
  title: 'Cost of a cycle',
  caption:
    'Where the time of a cycle goes: the median of each part over the cycles, stacked (a stack is near the median cycle, not equal to it). Commit, draft, verify and candidates are time inside kernels.',
  spec: (records) => {
    const parts = comparisonsOf(records).flatMap(({ panel, arms }) =>
      arms.flatMap(({ depth, ms }) =>
        cycleParts.map((part, order) => ({ panel, depth, part: names[part], order, ms: ms[part] })),
      ),
    );
    if (parts.length === 0) return null;
    const encoding = {
      x: { field: 'depth', type: 'ordinal', title: 'drafts a cycle (0: plain decoding)', axis: { labelAngle: 0 } },
      y: { field: 'ms', type: 'quantitative', title: 'milliseconds', stack: 'zero' },
      color: {
        field: 'part',
        type: 'nominal',
        title: null,
        scale: { domain: cycleParts.map((part) => names[part]) },
        legend: { orient: 'bottom', columns: 2 },
      },
      order: { field: 'order', type: 'ordinal' },
    } as const;
    return inPanels(cycleCost.title, parts, encoding, { type: 'bar' });
  },
};
