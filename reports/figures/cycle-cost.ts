import { type CyclePart, cycleParts } from '../generations.ts';
import type { Figure } from './figure.ts';
import { comparisonsOf, stackedByDepth } from './panels.ts';

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
      arms.flatMap(({ depth, ms }) => cycleParts.map((part) => ({ panel, depth, part: names[part], value: ms[part] }))),
    );
    if (parts.length === 0) return null;
    const domain = cycleParts.map((part) => names[part]);
    return stackedByDepth(cycleCost.title, parts, domain, { title: 'milliseconds' });
  },
};
