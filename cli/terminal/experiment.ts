import type { Columns } from '../../harness/experiments/columns.ts';
import type { RunProgress } from '../../harness/experiments/estimate.ts';
import type { FinishedRun } from '../../harness/experiments/run.ts';
import { Progress } from './progress.ts';

/** What a command gives: its abort signal, and where it writes for a person. */
export interface CommandSide {
  signal: AbortSignal;
  logToStderr(text: string): void;
}

/** Shows the progress of `run`, with the time left; after a stop it says how to go on. */
export async function runWithProgress<C extends Columns, Result>(
  { signal, logToStderr }: CommandSide,
  run: (options: {
    signal: AbortSignal;
    onProgress: (progress: RunProgress) => void;
  }) => Promise<FinishedRun<C, Result>>,
): Promise<FinishedRun<C, Result>> {
  const line = new Progress();
  let last: RunProgress | undefined;
  const onProgress = (progress: RunProgress): void => {
    last = progress;
    line.update(progress.done, progress.total, progressText(progress));
  };
  try {
    return await run({ signal, onProgress });
  } catch (error) {
    line.clear();
    if (last !== undefined && last.done > 0)
      logToStderr(`Stopped after ${last.done} of ${last.total} parts. To go on: mtplx runs resume ${last.folder}`);
    else if (signal.aborted) logToStderr('Stopped: nothing was finished, so nothing was kept.');
    throw error;
  } finally {
    line.clear();
  }
}

export function progressText({ text, leftMs }: Pick<RunProgress, 'text' | 'leftMs'>): string {
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
