import type { Columns } from '../../harness/experiments/columns.ts';
import type { RunProgress } from '../../harness/experiments/estimate.ts';
import type { FinishedRun, RunOptions } from '../../harness/experiments/run.ts';
import type { ExperimentView } from '../views/view.ts';
import { Progress, type ProgressStream } from './progress.ts';

/** What a command gives: its signal, and where it writes. */
export interface CommandSide {
  signal: AbortSignal;
  log(text: string): void;
  logToStderr(text: string): void;
  /** Default: standard error. */
  terminal?: ProgressStream;
}

/** Starts or resumes a run with the command's signal and progress line. */
export type StartRun<T> = (options: Required<Pick<RunOptions, 'signal' | 'onProgress'>>) => Promise<T>;

/** Runs with a progress line that tells the time left; after a stop it says how to go on. */
export async function followRun<T>(side: CommandSide, start: StartRun<T>): Promise<T> {
  const line = new Progress(side.terminal);
  let last: RunProgress | undefined;
  const onProgress = (progress: RunProgress): void => {
    last = progress;
    line.update(progress.done, progress.total, progressText(progress));
  };
  try {
    return await start({ signal: side.signal, onProgress });
  } catch (error) {
    line.clear();
    if (last !== undefined) side.logToStderr(stopText(last));
    throw error;
  } finally {
    line.clear();
  }
}

/** Follows a run and prints its report. @returns the document for --json */
export async function presentRun<Spec, C extends Columns, Result>(
  side: CommandSide,
  view: ExperimentView<Spec, C, Result>,
  start: StartRun<FinishedRun<C, Result>>,
): Promise<Result> {
  const { result } = await followRun(side, start);
  side.log(view.report(result));
  const problem = view.failure(result);
  if (problem !== null) {
    side.logToStderr(`Error: ${problem}.`);
    process.exitCode = 1;
  }
  return result;
}

function stopText({ done, total, folder }: RunProgress): string {
  return done === 0
    ? 'Stopped before the first part was finished: nothing was kept.'
    : `Stopped after ${done} of ${total} parts. To go on: mtplx runs resume ${folder}`;
}

function progressText({ text, leftMs }: RunProgress): string {
  return leftMs === null ? text : `${duration(leftMs)} left, ${text}`;
}

/** Such as 45 s, 3 min, 2 h 05 min. */
export function duration(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  if (seconds < 90) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}
