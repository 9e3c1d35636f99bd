import type { KernelsDocument } from '../../harness/kernels/document.ts';
import { type kernelColumns, kernels, type KernelsSpec } from '../../harness/kernels/experiment.ts';
import { kernelsReport } from '../terminal/kernels-report.ts';
import type { ExperimentView } from './view.ts';

export const kernelsView: ExperimentView<KernelsSpec, typeof kernelColumns, KernelsDocument> = {
  experiment: kernels,
  report: kernelsReport,
  failure: () => null,
};
