import { ratio } from '../../harness/averages.ts';
import type { Figure } from './figure.ts';
import { comparisonsOf, inPanels, linesWithPoints, threeLines } from './panels.ts';

const lines = ['measured', 'bound: plain × accepted length ÷ c(K)', 'plain decoding'] as const;

export const speedByDepth: Figure = {
  name: 'speed-by-depth',
  title: 'Speed by depth',
  caption:
    'Decoding speed over drafts a cycle. The bound is plain decoding × accepted length ÷ c(K), with c(K) the median time of a cycle over that of a plain step: what a depth gives when every cycle takes the median time.',
  spec: (records) => {
    const points = comparisonsOf(records).flatMap(({ panel, plain, arms }) =>
      arms.flatMap(({ depth, tokensPerSecond, acceptedLength, cycleMs }) => {
        const bound = plain.tokensPerSecond * ratio(acceptedLength, ratio(cycleMs, plain.cycleMs));
        const speeds = [tokensPerSecond, bound, plain.tokensPerSecond];
        return lines.map((line, i) => ({ panel, line, depth, speed: speeds[i]! }));
      }),
    );
    if (points.length === 0) return null;
    const encoding = {
      x: { field: 'depth', type: 'ordinal', title: 'drafts a cycle', axis: { labelAngle: 0 } },
      y: { field: 'speed', type: 'quantitative', title: 'tokens a second', scale: { zero: true } },
      ...threeLines(lines),
    } as const;
    return inPanels(speedByDepth.title, points, encoding, linesWithPoints);
  },
};
