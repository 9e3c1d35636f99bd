import { Command } from '@oclif/core/command';
import * as Errors from '@oclif/core/errors';
import type { Columns } from '../harness/experiments/columns.ts';
import type { FinishedRun } from '../harness/experiments/run.ts';
import { asMtplxError, MtplxError } from '../runtime/errors.ts';
import type { CommandSide, StartRun } from './terminal/experiment.ts';
import type { ExperimentView } from './views/view.ts';

const signalExit = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * What every command shares: --json, errors of the table, and a signal that aborts on Ctrl-C.
 *
 * Commands import the harness and the runtime inside run(), so that --help loads neither.
 */
export abstract class BaseCommand extends Command {
  static override enableJsonFlag = true;

  readonly #abort = new AbortController();
  #received: keyof typeof signalExit | undefined;

  /** Aborts on the first SIGINT or SIGTERM; a second one ends the process at once. */
  protected get signal(): AbortSignal {
    return this.#abort.signal;
  }

  readonly #onSignal = (name: NodeJS.Signals): void => {
    const signal = name as keyof typeof signalExit;
    if (this.#received !== undefined) process.exit(signalExit[signal]);
    this.#received = signal;
    this.#abort.abort(new MtplxError('MTPLX_E_ABORTED', { reason: name }));
  };

  /** Runs an experiment with a progress line and prints its report. @returns its document, for --json */
  protected async present<Spec, C extends Columns, Result>(
    view: ExperimentView<Spec, C, Result>,
    start: StartRun<FinishedRun<C, Result>>,
  ): Promise<Result> {
    const { presentRun } = await import('./terminal/experiment.ts');
    return presentRun(this.#side(), view, start);
  }

  /** Runs an experiment with a progress line. */
  protected async follow<T>(start: StartRun<T>): Promise<T> {
    const { followRun } = await import('./terminal/experiment.ts');
    return followRun(this.#side(), start);
  }

  #side(): CommandSide {
    return {
      signal: this.signal,
      log: (text) => this.log(text),
      logToStderr: (text) => this.logToStderr(text),
    };
  }

  protected override async init(): Promise<void> {
    await super.init();
    for (const name of Object.keys(signalExit)) process.on(name, this.#onSignal);
  }

  protected override async finally(error: Error | undefined): Promise<void> {
    for (const name of Object.keys(signalExit)) process.off(name, this.#onSignal);
    // A command that ended well although it was stopped has still been stopped.
    if (this.#received !== undefined) process.exitCode = signalExit[this.#received];
    await super.finally(error);
  }

  protected override async catch(error: Error & { exitCode?: number }): Promise<void> {
    if (error instanceof Errors.ExitError) throw error;
    const usage = error instanceof Errors.CLIError;
    if (usage && !this.jsonEnabled()) throw error;
    const known = usage ? usageError(error) : asMtplxError(error);
    process.exitCode = this.#received === undefined ? known.exit : signalExit[this.#received];
    if (this.jsonEnabled()) {
      const { code, message, remedy } = known;
      this.logJson({ error: { code, message, remedy, exit: process.exitCode } });
    } else if (this.#received === undefined) {
      this.logToStderr(`Error: ${known.message}\n${known.remedy}\n(${known.code})`);
    }
    if (process.env['MTPLX_DEBUG']) this.logToStderr(stackOf(known));
  }
}

/** What oclif's parser found, in one line: it appends a hint for terminals. */
function usageError(error: Error): MtplxError {
  const [problem = ''] = error.message.split('\n');
  return new MtplxError(
    'MTPLX_E_OPTION',
    { option: 'Command line', problem: problem.replace(/\.$/, '') },
    { cause: error },
  );
}

function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\nCaused by: ${stackOf(error.cause)}` : '';
  return `${error.stack}${cause}`;
}
