import { z } from 'zod';
import type { Model } from '../../runtime/index.ts';
import { contractSchema } from '../../runtime/model/contract.ts';
import { encodePrompts } from '../bench/prompts.ts';
import { type GenerationSetup, measureJob, warmUp } from '../bench/generations.ts';
import { generationColumns, generationRows, type GenerationRow, generationsOf } from '../bench/rows.ts';
import { openSuite } from '../bench/suite-choice.ts';
import { gateContext } from '../exactness/context.ts';
import { type CaseReport, type Figures, type GateReport, reportOf, runCase } from '../exactness/gate.ts';
import { gates } from '../exactness/gates.ts';
import type { ColumnKind, Columns, RowOf } from '../experiments/columns.ts';
import type { Environment, Experiment, OpenExperiment, StoredRow } from '../experiments/experiment.ts';
import { describeModel, openModel } from '../experiments/model.ts';
import type { Suite } from '../suites/suite.ts';
import { contractOf } from './contract.ts';
import { plannedCases, predictedMs, speedMs, type VerifySpec, verifySpecSchema } from './spec.ts';
import { speedUnits, summariseSpeed } from './speed.ts';

type Optional<C extends Columns> = {
  readonly [N in keyof C]: C[N] extends `${string}?` ? C[N] : `${C[N]}?` & ColumnKind;
};

const optionalGeneration = Object.fromEntries(
  Object.entries(generationColumns).map(([name, kind]) => [name, kind.endsWith('?') ? kind : `${kind}?`]),
) as Optional<typeof generationColumns>;

/** A row is a case of a gate, or a step of a generation of the speed run; cells of the other kind are null. */
export const verifyColumns = {
  gate: 'text?',
  case: 'text?',
  control: 'flag?',
  passed: 'flag?',
  problem: 'text?',
  /** The case's figures as JSON. */
  figures: 'text?',
  seconds: 'float?',
  /** See harness/experiments/difference-bins.ts. */
  logit_diff_bins: 'ints?',
  ...optionalGeneration,
} as const satisfies Columns;
type VerifyRow = RowOf<typeof verifyColumns>;

export const verifyResultSchema = z.strictObject({
  contract: contractSchema,
  /** Seconds of each gate, as measured; of all units as predicted. */
  gate_seconds: z.record(z.string(), z.number()),
  predicted_seconds: z.number(),
  arrow_file: z.string(),
});
export type VerifyResult = z.infer<typeof verifyResultSchema>;

const emptyCase = { gate: null, case: null, control: null, passed: null, problem: null, figures: null, seconds: null };
const emptyStep = Object.fromEntries(Object.keys(generationColumns).map((name) => [name, null])) as {
  [N in keyof GenerationRow]: null;
};

/**
 * Verifies a model: every case of every gate, then a paired speed run. `loaded`: the model where it is loaded already;
 * it is left loaded. Opening throws what loadModel throws.
 */
export function verification(loaded?: Model): Experiment<VerifySpec, typeof verifyColumns, VerifyResult> {
  return {
    name: 'verify',
    specVersion: 1,
    specSchema: verifySpecSchema,
    resultSchema: verifyResultSchema,
    columns: verifyColumns,
    units: (spec) => [
      ...plannedCases(spec).map(({ key, ms }) => ({ key, text: key.replace('/', ', '), cost: ms })),
      ...[...speedUnits(spec).keys()].map((key) => ({ key, text: key.replace('/', ', '), cost: speedMs(spec) })),
    ],
    open: (spec, environment) => openVerification(spec, environment, loaded),
    summarise(spec, rows, { description, arrowFile }) {
      const reports = reportsOf(spec, rows);
      const speed = summariseSpeed(spec, generationsIn(spec, rows));
      return {
        contract: contractOf(spec, description, reports, speed),
        gate_seconds: Object.fromEntries(reports.map(({ gate, seconds }) => [gate, seconds])),
        predicted_seconds: predictedMs(spec) / 1000,
        arrow_file: arrowFile,
      };
    },
    headline: ({ contract: { status, scale, gates: all, speed_evidence } }) => {
      const passed = all.filter((gate) => gate.status === 'passed').length;
      const speed = `${speed_evidence.speedup_vs_ar.toFixed(2)}× at depth ${speed_evidence.mtp_depth}`;
      return `${status} (${scale}): ${passed} of ${all.length} gates, ${speed}`;
    },
  };
}

async function openVerification(
  spec: VerifySpec,
  environment: Environment,
  loaded: Model | undefined,
): Promise<OpenExperiment<VerifyRow>> {
  const options = { threads: spec.threads ?? undefined, backend: spec.backend };
  const model = loaded ?? (await openModel(spec.model, environment, options));
  const close = async (): Promise<void> => {
    if (loaded === undefined) await model.dispose();
  };
  try {
    const context = await gateContext(model, environment.signal);
    const cases = new Map(plannedCases(spec).map((planned) => [planned.key, planned]));
    const jobs = speedUnits(spec);
    const setup = speedSetup(spec, await openSuite(spec.suite), model, environment);
    let warm = false;
    return {
      ...describeModel(model),
      async run({ key }, signal) {
        const planned = cases.get(key);
        if (planned !== undefined) return [caseRow(planned.gate.name, await runCase(planned.gateCase, context))];
        const speed = await setup;
        const rows: VerifyRow[] = [];
        for (const job of jobs.get(key)!) {
          if (!warm) await warmUp(speed, job, signal);
          warm = true;
          const generation = await measureJob(speed, job, signal);
          rows.push(...generationRows(generation, spec.suite.prompts).map(stepRow));
        }
        return rows;
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function speedSetup(
  { speed }: VerifySpec,
  suite: Suite,
  model: Model,
  { now }: Environment,
): Promise<GenerationSetup> {
  const settings = { ...suite.settings, max_tokens: speed.tokens };
  const small: Suite = { ...suite, settings, prompts: suite.prompts.slice(0, speed.prompts) };
  return { suite: small, model, prompts: await encodePrompts(small, model), now };
}

/** A case's report as a row. */
export function caseRow(gate: string, { key, control, passed, problem, figures, seconds }: CaseReport): VerifyRow {
  const { logit_diff_bins: bins, ...others } = figures;
  return {
    ...emptyStep,
    gate,
    case: key,
    control,
    passed,
    problem,
    seconds,
    figures: JSON.stringify(others),
    // A control's differences would stand beside those of the engine in a report.
    logit_diff_bins: control ? null : ((bins as number[] | undefined) ?? null),
  };
}

/** A step of the speed run as a row. */
export function stepRow(row: GenerationRow): VerifyRow {
  return { ...emptyCase, logit_diff_bins: null, ...row };
}

/** The reports of all gates from the rows of their cases. */
function reportsOf({ facts }: VerifySpec, rows: readonly StoredRow<typeof verifyColumns>[]): GateReport[] {
  return gates.map((gate) =>
    reportOf(
      gate,
      facts,
      rows
        .filter((row) => row.gate === gate.name)
        .map((row): CaseReport => {
          const figures = JSON.parse(row.figures!) as Figures;
          return {
            key: row.case!,
            control: row.control!,
            passed: row.passed!,
            problem: row.problem,
            figures,
            seconds: row.seconds!,
          };
        }),
    ),
  );
}

function generationsIn({ suite }: VerifySpec, rows: readonly StoredRow<typeof verifyColumns>[]) {
  const steps = rows.filter((row) => row.prompt !== null) as unknown as GenerationRow[];
  return generationsOf(steps, suite.prompts);
}
