import type { z } from 'zod';
import type { Columns, RowOf } from './columns.ts';
import type { RunDescription } from './description.ts';

/** The smallest part of an experiment that is run as a whole, and kept when the experiment is stopped after it. */
export interface Unit {
  /** Unique in the experiment and the same for the same spec: what a resumed run and a replay go by. */
  key: string;
  /** What a person sees while it runs. */
  text: string;
  /** Expected time in any measure that is the same for all units (tokens, say): for the estimate of the time left. */
  cost: number;
}

/** What an experiment may use besides its spec. */
export interface Environment {
  signal: AbortSignal | undefined;
  /** A folder that holds the spec's model on this machine; undefined: where the spec says. */
  modelFolder: string | undefined;
  /** Milliseconds since the run began, the time in which it was stopped included. */
  now: () => number;
  /** Says what goes on before the first unit: a load, a warm-up. */
  report: (text: string) => void;
}

/** An experiment with its model loaded and warm. */
export interface OpenExperiment<Row> {
  /** What ran, for the record; see model.ts for both. null without engine or model. */
  engine: RunDescription['engine'];
  model: RunDescription['model'];
  /** Rows of one unit. @throws the signal's reason after an abort */
  run(unit: Unit, signal: AbortSignal | undefined): Promise<Row[]>;
  close(): Promise<void>;
}

/** What `summarise` may use besides spec and rows. */
export interface SummaryContext {
  description: RunDescription;
  /** Path of the record that will hold the rows. */
  arrowFile: string;
}

/** A row as it stands in the record: with the key of its unit. */
export type StoredRow<C extends Columns> = RowOf<C> & { unit: string };

/** An experiment is a value; its runs are data. README.md of this folder shows how to write one. */
export interface Experiment<Spec, C extends Columns, Result> {
  readonly name: string;
  /** Grows when the same spec would run something else. */
  readonly specVersion: number;
  /** Everything that decides what is run: suite and its hash, model, arms, seeds. */
  readonly specSchema: z.ZodType<Spec>;
  /** The document that --json prints and result.json holds. */
  readonly resultSchema: z.ZodType<Result>;
  readonly columns: C;
  /** All units in the order in which they run, made from the spec alone. */
  units(spec: Spec): Unit[];
  /** Loads and warms up what the units need. */
  open(spec: Spec, environment: Environment): Promise<OpenExperiment<RowOf<C>>>;
  /** The result, from nothing but what the record holds. `rows` stand in the order of the units. */
  summarise(spec: Spec, rows: StoredRow<C>[], context: SummaryContext): Result;
  /** What a replay compares: how fast a unit was (tokens a second). Default: units of cost a second. */
  rate?(rows: RowOf<C>[]): number;
  /** Whether a replay must find a row again. Default: every row. Not those that follow the clock, as automatic depth does. */
  repeats?(row: RowOf<C>): boolean;
  /** The result in a few words, for `mtplx runs`. */
  headline(result: Result): string;
}
