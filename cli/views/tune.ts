import type { generationColumns } from '../../harness/bench/rows.ts';
import { tune, type TuneDocument, type TuneSpec } from '../../harness/tuning/tune.ts';
import { tuneReport } from '../terminal/tune-report.ts';
import type { ExperimentView } from './view.ts';

export const tuneView: ExperimentView<TuneSpec, typeof generationColumns, TuneDocument> = {
  experiment: tune,
  report: tuneReport,
  failure: ({ first_difference }) => (first_difference === null ? null : `coupled arms differ at ${first_difference}`),
};
