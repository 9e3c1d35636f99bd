import type { Columns } from '../../harness/experiments/columns.ts';
import type { Experiment } from '../../harness/experiments/experiment.ts';

/** An experiment as the command line shows it. */
export interface ExperimentView<Spec, C extends Columns, Result> {
  experiment: Experiment<Spec, C, Result>;
  /** The result for a reader. */
  report(result: Result): string;
  /** Why a complete run still ends with exit code 1 (a gate failed, texts differ); null when it does not. */
  failure(result: Result): string | null;
}

export type AnyView = ExperimentView<unknown, Columns, unknown>;
