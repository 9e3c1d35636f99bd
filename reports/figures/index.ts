import { acceptanceByPosition } from './acceptance-by-position.ts';
import { costOfRows } from './cost-of-rows.ts';
import { cycleCost } from './cycle-cost.ts';
import { cycleShares } from './cycle-shares.ts';
import type { Figure } from './figure.ts';
import { logitDifferences } from './logit-differences.ts';
import { speedByDepth } from './speed-by-depth.ts';
import { throughput } from './throughput.ts';

/** In the order in which a report shows them. */
export const figures: readonly Figure[] = [
  speedByDepth,
  acceptanceByPosition,
  cycleCost,
  cycleShares,
  costOfRows,
  throughput,
  logitDifferences,
];
