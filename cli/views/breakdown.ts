import type { BreakdownDocument } from '../../harness/breakdown/document.ts';
import { breakdown, type BreakdownSpec } from '../../harness/breakdown/experiment.ts';
import type { breakdownColumns } from '../../harness/breakdown/rows.ts';
import { breakdownReport } from '../terminal/breakdown-report.ts';
import type { ExperimentView } from './view.ts';

export const breakdownView: ExperimentView<BreakdownSpec, typeof breakdownColumns, BreakdownDocument> = {
  experiment: breakdown,
  report: breakdownReport,
  failure: () => null,
};
