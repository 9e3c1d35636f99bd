import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAtomic } from '../../runtime/atomic-file.ts';
import { MtplxError } from '../../runtime/errors.ts';
import { numericsVersion } from '../../runtime/numerics.ts';
import { version } from '../../runtime/package.ts';
import { describeMachine } from '../machine.ts';
import { encodeRecord } from '../record.ts';
import { sourceState } from '../source.ts';
import { type Columns, recordColumns, type RowOf } from './columns.ts';
import { descriptionSchema, type RunDescription } from './description.ts';
import { Estimate, type RunProgress } from './estimate.ts';
import type { Environment, Experiment, OpenExperiment, StoredRow, Unit } from './experiment.ts';
import {
  createRunFolder,
  lockRun,
  parseJsonFile,
  readResult,
  runFiles,
  runsFolder,
  type StoredRun,
  writeJson,
} from './folder.ts';
import { mustFit, specOf } from './fit.ts';
import { Journal, type JournalContent } from './journal.ts';
import { readRows, recordMetadata } from './stored-rows.ts';

export interface RunOptions {
  /** Where the run's folder goes. Default ./mtplx-runs. */
  parent?: string | undefined;
  /** Follows the experiment's name in the folder's. */
  label?: string | undefined;
  /** The spec's model on this machine, when it lies elsewhere. */
  modelFolder?: string | undefined;
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: RunProgress) => void) | undefined;
}

export interface FinishedRun<C extends Columns, Result> {
  folder: string;
  description: RunDescription;
  rows: StoredRow<C>[];
  result: Result;
}

/**
 * Runs an experiment into a new folder. A run that is stopped keeps its folder as soon as one unit is finished.
 * @throws MtplxError MTPLX_E_UNWRITABLE, MTPLX_E_DISK_FULL, the signal's reason after an abort, what the experiment throws
 */
export async function runExperiment<Spec, C extends Columns, Result>(
  experiment: Experiment<Spec, C, Result>,
  spec: Spec,
  options: RunOptions = {},
): Promise<FinishedRun<C, Result>> {
  const started = new Date();
  const name = [experiment.name, options.label].filter((part) => part !== undefined).join('-');
  const folder = await createRunFolder(options.parent ?? runsFolder, name, started);
  return new Run(experiment, experiment.specSchema.parse(spec), folder, started, options).finish(null);
}

/**
 * Goes on with a run that was stopped; a complete one is only read.
 * @throws MtplxError MTPLX_E_RUN_MISMATCH when sources, model or machine are not those of the run, MTPLX_E_RUN_BUSY,
 *   MTPLX_E_RUN_BROKEN, and what runExperiment throws
 */
export async function resumeExperiment<Spec, C extends Columns, Result>(
  experiment: Experiment<Spec, C, Result>,
  { folder, state, description }: StoredRun,
  options: Omit<RunOptions, 'parent' | 'label'> = {},
): Promise<FinishedRun<C, Result>> {
  const spec = specOf(experiment, folder, description);
  const run = new Run(experiment, spec, folder, new Date(description.started), options);
  return state === 'complete' ? run.read(description) : run.finish(description);
}

class Run<Spec, C extends Columns, Result> {
  readonly #experiment: Experiment<Spec, C, Result>;
  readonly #spec: Spec;
  readonly #folder: string;
  readonly #started: Date;
  readonly #options: RunOptions;
  readonly #units: Unit[];
  readonly #estimate: Estimate;
  #done = 0;

  constructor(experiment: Experiment<Spec, C, Result>, spec: Spec, folder: string, started: Date, options: RunOptions) {
    this.#experiment = experiment;
    this.#spec = spec;
    this.#folder = folder;
    this.#started = started;
    this.#options = options;
    this.#units = experiment.units(spec);
    this.#estimate = new Estimate(this.#units);
    if (new Set(this.#units.map(({ key }) => key)).size !== this.#units.length)
      throw new Error(`experiment ${experiment.name} has two units of one key`);
  }

  /** A complete run, as it is stored. */
  async read(description: RunDescription): Promise<FinishedRun<C, Result>> {
    const { rows } = await readRows(this.#experiment.columns, this.#folder);
    const result = await readResult(this.#folder, this.#experiment.resultSchema);
    return { folder: this.#folder, description, rows, result };
  }

  /** Runs what is missing. `before` is the description of an earlier session. */
  async finish(before: RunDescription | null): Promise<FinishedRun<C, Result>> {
    try {
      const lock = await lockRun(this.#folder);
      try {
        return await this.#complete(before);
      } finally {
        await lock.release();
      }
    } catch (error) {
      // Nothing was finished that a resumed run could spare.
      if (before === null && this.#done === 0) await rm(this.#folder, { recursive: true, force: true });
      throw error;
    }
  }

  async #complete(before: RunDescription | null): Promise<FinishedRun<C, Result>> {
    const { description, content } = await this.#measure(before);
    const rows = this.#rows(content);
    const arrowFile = this.#path('record');
    const summary = this.#experiment.summarise(this.#spec, rows, { description, arrowFile });
    const result = this.#experiment.resultSchema.parse(summary);
    await writeAtomic(arrowFile, this.#record(rows, description, content, result));
    await writeJson(this.#path('result'), result);
    return { folder: this.#folder, description, rows, result };
  }

  async #measure(
    before: RunDescription | null,
  ): Promise<{ description: RunDescription; content: JournalContent<RowOf<C>> }> {
    const machine = await describeMachine();
    const { journal, content } = await Journal.open(this.#path('journal'), this.#experiment.columns);
    try {
      this.#account(content);
      const open = await this.#experiment.open(this.#spec, this.#environment());
      try {
        const now = await this.#describe(open, machine);
        if (before === null) await writeJson(this.#path('description'), now);
        else mustFit(before, now);
        const session = { started: new Date().toISOString(), load_average: machine.load_average };
        await journal.append({ session });
        content.sessions.push(session);
        await this.#runUnits(open, journal, content);
        return { description: before ?? now, content };
      } finally {
        await open.close();
      }
    } finally {
      await journal.close();
    }
  }

  async #runUnits(
    open: OpenExperiment<RowOf<C>>,
    journal: Journal<C>,
    content: JournalContent<RowOf<C>>,
  ): Promise<void> {
    const { signal } = this.#options;
    const finished = new Set(content.units.map(({ unit }) => unit));
    for (const unit of this.#units.filter(({ key }) => !finished.has(key))) {
      // Reported before the look at the signal: a stopped run says what it kept.
      this.#report(unit.text);
      signal?.throwIfAborted();
      const begin = performance.now();
      const rows = await open.run(unit, signal);
      const ms = performance.now() - begin;
      await journal.append({ unit: unit.key, ms, rows });
      content.units.push({ unit: unit.key, ms, rows });
      this.#estimate.add(unit, ms);
      this.#done += 1;
    }
  }

  /** Counts what earlier sessions finished. @throws MtplxError MTPLX_E_RUN_BROKEN for units of another spec */
  #account(content: JournalContent<RowOf<C>>): void {
    const units = new Map(this.#units.map((unit) => [unit.key, unit]));
    for (const { unit: key, ms } of content.units) {
      const unit = units.get(key);
      if (unit === undefined)
        throw new MtplxError('MTPLX_E_RUN_BROKEN', {
          file: this.#path('journal'),
          problem: `unit ${key} is not one of its spec`,
        });
      this.#estimate.add(unit, ms);
      this.#done += 1;
    }
  }

  #environment(): Environment {
    // One clock that does not jump, on a run's own time.
    const offset = Date.now() - this.#started.getTime() - performance.now();
    return {
      signal: this.#options.signal,
      modelFolder: this.#options.modelFolder,
      now: () => performance.now() + offset,
      report: (text) => this.#report(text),
    };
  }

  #report(text: string): void {
    const { leftMs } = this.#estimate;
    this.#options.onProgress?.({ folder: this.#folder, done: this.#done, total: this.#units.length, text, leftMs });
  }

  async #describe(
    { engine, model }: OpenExperiment<RowOf<C>>,
    machine: RunDescription['machine'],
  ): Promise<RunDescription> {
    const { name, specVersion } = this.#experiment;
    const description = {
      experiment: name,
      spec_version: specVersion,
      spec: this.#spec,
      mtplx: version,
      numerics_version: numericsVersion,
      ...(await sourceState()),
      machine,
      engine,
      model,
      started: this.#started.toISOString(),
    };
    return parseJsonFile(JSON.stringify(description), this.#path('description'), descriptionSchema);
  }

  /** In the order of the units; a stored row knows its unit. */
  #rows({ units }: JournalContent<RowOf<C>>): StoredRow<C>[] {
    const byUnit = new Map(units.map(({ unit, rows }) => [unit, rows]));
    return this.#units.flatMap(({ key }) => (byUnit.get(key) ?? []).map((row) => ({ ...row, unit: key })));
  }

  #record(
    rows: readonly StoredRow<C>[],
    description: RunDescription,
    { sessions, units }: JournalContent<RowOf<C>>,
    result: Result,
  ): Uint8Array {
    const times = Object.fromEntries(units.map(({ unit, ms }) => [unit, ms]));
    const metadata = recordMetadata({ description, sessions, unit_ms: times, result });
    return encodeRecord(recordColumns({ unit: 'text', ...this.#experiment.columns }, rows), metadata);
  }

  #path(file: keyof typeof runFiles): string {
    return join(this.#folder, runFiles[file]);
  }
}
