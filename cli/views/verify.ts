import { verification, type verifyColumns, type VerifyResult } from '../../harness/verify/experiment.ts';
import type { VerifySpec } from '../../harness/verify/spec.ts';
import { verifyReport } from '../terminal/verify-report.ts';
import type { ExperimentView } from './view.ts';

export const verifyView: ExperimentView<VerifySpec, typeof verifyColumns, VerifyResult> = {
  experiment: verification(),
  report: verifyReport,
  failure: ({ contract: { gates } }) => {
    const failed = gates.filter(({ status }) => status === 'failed');
    return failed.length === 0 ? null : failed.map(({ gate, problem }) => `gate ${gate} failed: ${problem}`).join('; ');
  },
};
