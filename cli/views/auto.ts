import type { generationColumns } from '../../harness/bench/rows.ts';
import { auto, type AutoDocument, type AutoSpec } from '../../harness/tuning/auto.ts';
import { autoReport } from '../terminal/auto-report.ts';
import type { ExperimentView } from './view.ts';

export const autoView: ExperimentView<AutoSpec, typeof generationColumns, AutoDocument> = {
  experiment: auto,
  report: autoReport,
  failure: ({ first_difference, passed, allowed_loss }) => {
    if (first_difference !== null) return `coupled arms differ at ${first_difference}`;
    return passed ? null : `automatic depth is not shown to lose at most ${(100 * allowed_loss).toFixed(0)} %`;
  },
};
