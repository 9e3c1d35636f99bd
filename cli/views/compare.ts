import { compare, type CompareSpec } from '../../harness/peers/compare.ts';
import type { CompareDocument } from '../../harness/peers/document.ts';
import type { compareColumns } from '../../harness/peers/rows.ts';
import { compareReport } from '../terminal/compare-report.ts';
import type { ExperimentView } from './view.ts';

export const compareView: ExperimentView<CompareSpec, typeof compareColumns, CompareDocument> = {
  experiment: compare,
  report: compareReport,
  failure: () => null,
};
