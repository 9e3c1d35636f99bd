import type { AcceptanceStudy } from '../../harness/acceptance/document.ts';
import { study, type studyColumns, type StudySpec } from '../../harness/acceptance/study.ts';
import { acceptanceReport } from '../terminal/acceptance-report.ts';
import type { ExperimentView } from './view.ts';

export const acceptanceView: ExperimentView<StudySpec, typeof studyColumns, AcceptanceStudy> = {
  experiment: study,
  report: acceptanceReport,
  failure: () => null,
};
