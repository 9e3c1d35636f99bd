import type { BenchDocument } from '../../harness/bench/document.ts';
import { bench, type BenchSpec, type benchColumns } from '../../harness/bench/experiment.ts';
import { benchReport } from '../terminal/bench-report.ts';
import type { ExperimentView } from './view.ts';

export const benchView: ExperimentView<BenchSpec, typeof benchColumns, BenchDocument> = {
  experiment: bench,
  report: benchReport,
  failure: ({ coupled }) =>
    coupled === null || coupled.same_text ? null : `coupled arms differ at ${coupled.first_difference}`,
};
