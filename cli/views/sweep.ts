import type { SweepDocument } from '../../harness/acceptance/sweep-document.ts';
import { sweep, type SweepSpec } from '../../harness/acceptance/sweep.ts';
import type { generationColumns } from '../../harness/bench/rows.ts';
import { sweepReport } from '../terminal/sweep-report.ts';
import type { ExperimentView } from './view.ts';

export const sweepView: ExperimentView<SweepSpec, typeof generationColumns, SweepDocument> = {
  experiment: sweep,
  report: sweepReport,
  failure: ({ same_text, first_difference }) =>
    same_text === false ? `coupled arms differ at ${first_difference}` : null,
};
