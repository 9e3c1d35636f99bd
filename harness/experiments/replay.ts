import { z } from 'zod';
import { MtplxError } from '../../runtime/errors.ts';
import { bootstrap } from '../intervals.ts';
import { median } from '../averages.ts';
import type { Columns } from './columns.ts';
import type { RunDescription } from './description.ts';
import type { Experiment, StoredRow } from './experiment.ts';
import { specOf } from './fit.ts';
import type { StoredRun } from './folder.ts';
import { type FinishedRun, runExperiment, type RunOptions } from './run.ts';
import { readRows } from './stored-rows.ts';

/** Whether one column is the same in all rows; null when the experiment does not have it. */
const sameness = z
  .strictObject({
    equal: z.boolean(),
    rows: z.int(),
    differing_rows: z.int(),
    /** Where the first difference is, in words. */
    first_difference: z.string().nullable(),
  })
  .nullable();

const place = z.strictObject({
  folder: z.string(),
  numerics_version: z.int(),
  mtplx: z.string(),
  commit: z.string().nullable(),
  cpu: z.string(),
  isa: z.string().nullable(),
});

/** What `mtplx runs replay --json` prints. */
export const replaySchema = z.strictObject({
  experiment: z.string(),
  recorded: place,
  replayed: place,
  /** Token ids, and the logit hashes of each cycle: equal wherever the numerics version is the same. */
  tokens: sameness,
  logit_hashes: sameness,
  /** Median over the units of replayed ÷ recorded speed, with its 95 % bootstrap interval. */
  rate: z.strictObject({ ratio: z.number(), low: z.number(), high: z.number(), units: z.int() }),
  /** `not-comparable`: the numerics version differs, or the rows have no tokens. */
  verdict: z.enum(['identical', 'different', 'not-comparable']),
});

export type ReplayDocument = z.infer<typeof replaySchema>;
type Sameness = z.infer<typeof sameness>;
type StoredValues = Readonly<Record<string, unknown>> & { unit: string };

/** What of two runs of one spec is compared. */
export interface ReplaySide {
  folder: string;
  description: RunDescription;
  /** Those that a replay must find again. */
  rows: readonly StoredValues[];
  /** Speed of each unit. */
  rates: ReadonlyMap<string, number>;
}

/**
 * Runs the spec of a complete run again, into a folder of its own, and compares the two.
 * @throws MtplxError MTPLX_E_RUN_MISMATCH for a run that is not complete or a model that is another one, and what
 *   runExperiment throws
 */
export async function replayRun<Spec, C extends Columns, Result>(
  experiment: Experiment<Spec, C, Result>,
  run: StoredRun,
  options: RunOptions = {},
): Promise<{ replay: FinishedRun<C, Result>; document: ReplayDocument }> {
  if (run.state !== 'complete')
    throw new MtplxError('MTPLX_E_RUN_MISMATCH', {
      problem: `the run is ${run.state}, only a complete one has a result`,
    });
  const spec = specOf(experiment, run.folder, run.description);
  const side = async (folder: string, description: RunDescription): Promise<ReplaySide> => {
    const { rows, unitMs } = await readRows(experiment.columns, folder);
    const repeated = rows.filter((row) => experiment.repeats?.(row) ?? true);
    return { folder, description, rows: repeated, rates: ratesOf(experiment, spec, rows, unitMs) };
  };
  const recorded = await side(run.folder, run.description);
  const replay = await runExperiment(experiment, spec, { label: 'replay', ...options });
  const replayed = await side(replay.folder, replay.description);
  return { replay, document: compareRuns(recorded, replayed) };
}

function ratesOf<Spec, C extends Columns, Result>(
  experiment: Experiment<Spec, C, Result>,
  spec: Spec,
  rows: readonly StoredRow<C>[],
  unitMs: ReadonlyMap<string, number>,
): Map<string, number> {
  const byUnit = Map.groupBy(rows, ({ unit }) => unit);
  const rate = (key: string, cost: number): number =>
    experiment.rate?.(byUnit.get(key) ?? []) ?? cost / (unitMs.get(key)! / 1000);
  return new Map(experiment.units(spec).map(({ key, cost }) => [key, rate(key, cost)]));
}

/** Two runs of one spec: ids and hashes row by row, speeds unit by unit. */
export function compareRuns(recorded: ReplaySide, replayed: ReplaySide): ReplayDocument {
  const tokens = sameColumn('tokens', recorded.rows, replayed.rows);
  const hashes = sameColumn('logit_hash', recorded.rows, replayed.rows);
  const comparable = recorded.description.numerics_version === replayed.description.numerics_version && tokens !== null;
  const equal = tokens?.equal === true && hashes?.equal !== false;
  return {
    experiment: recorded.description.experiment,
    recorded: placeOf(recorded),
    replayed: placeOf(replayed),
    tokens,
    logit_hashes: hashes,
    rate: rateRatio(recorded.rates, replayed.rates),
    verdict: comparable ? (equal ? 'identical' : 'different') : 'not-comparable',
  };
}

function sameColumn(name: string, before: readonly StoredValues[], after: readonly StoredValues[]): Sameness {
  if (![...before, ...after].some((row) => Object.hasOwn(row, name))) return null;
  const [old, fresh] = [byUnit(before, name), byUnit(after, name)];
  const found = { equal: true, rows: 0, differing_rows: 0, first_difference: null as string | null };
  for (const unit of new Set([...old.keys(), ...fresh.keys()])) {
    const [a, b] = [old.get(unit) ?? [], fresh.get(unit) ?? []];
    for (let i = 0; i < Math.max(a.length, b.length); i++) {
      found.rows += 1;
      if (a[i] === b[i]) continue;
      found.equal = false;
      found.differing_rows += 1;
      found.first_difference ??= `${unit}, row ${i}: ${a[i] ?? 'nothing'} in the record, ${b[i] ?? 'nothing'} now`;
    }
  }
  return found;
}

function byUnit(rows: readonly StoredValues[], name: string): Map<string, string[]> {
  const units = new Map<string, string[]>();
  for (const row of rows) {
    const values = units.get(row.unit) ?? [];
    values.push(JSON.stringify(row[name] ?? null));
    units.set(row.unit, values);
  }
  return units;
}

function rateRatio(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): ReplayDocument['rate'] {
  const ratios = [...before]
    .map(([unit, rate]) => (after.get(unit) ?? NaN) / rate)
    .filter((ratio) => Number.isFinite(ratio));
  if (ratios.length === 0) return { ratio: 0, low: 0, high: 0, units: 0 };
  const { value, low, high } = bootstrap(
    ratios.map((ratio) => [ratio]),
    (drawn) => median(drawn.flat()),
    { seed: 0 },
  );
  return { ratio: value, low, high, units: ratios.length };
}

function placeOf({ folder, description }: ReplaySide): z.infer<typeof place> {
  const { numerics_version, mtplx, commit, machine, engine } = description;
  return { folder, numerics_version, mtplx, commit, cpu: machine.cpu, isa: engine?.isa ?? null };
}
