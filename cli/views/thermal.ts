import type { ThermalDocument } from '../../harness/thermal/document.ts';
import { thermal, type ThermalSpec } from '../../harness/thermal/experiment.ts';
import type { thermalColumns } from '../../harness/thermal/rows.ts';
import { thermalReport } from '../terminal/thermal-report.ts';
import type { ExperimentView } from './view.ts';

export const thermalView: ExperimentView<ThermalSpec, typeof thermalColumns, ThermalDocument> = {
  experiment: thermal,
  report: thermalReport,
  failure: () => null,
};
