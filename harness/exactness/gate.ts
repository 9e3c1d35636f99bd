import type { EngineModel } from '../../runtime/engine/engine.ts';
import type { ModelFolder } from '../../runtime/model/folder.ts';
import type { GateEngine } from './engine.ts';
import type { Scale } from './scale.ts';

/** What a model is, as far as it decides which gates run and with how many cases. */
export interface ModelFacts {
  mtp: boolean;
  /** The model ships golden tensors; see goldens.ts. */
  goldens: boolean;
  vocabSize: number;
  /** Positions that the model was made for; null where its config does not say. */
  maxPositions: number | null;
}

export interface GateContext {
  engine: GateEngine;
  model: EngineModel;
  folder: ModelFolder;
  /** Token ids that gates feed, at least `gateTokens` of them; see text.ts. */
  tokens: Int32Array;
  /** Stop at the first difference: for controls and mutations, of which one is enough. */
  failFast?: boolean;
}

/** As many ids as the gates read at most. */
export const gateTokens = 4400;

/** Numbers of a case or a gate; names are in the report and in the contract. */
export type Figures = Record<string, number | string | boolean | null | number[]>;

/** What one case found. */
export interface Finding {
  passed: boolean;
  figures: Figures;
  /** The first thing that was wrong, in words. */
  problem: string | null;
}

/** What a case takes: native calls of one row, rows in calls of several, prompt tokens, and seconds of JavaScript. */
export interface Cost {
  steps?: number;
  rows?: number;
  prefill?: number;
  seconds?: number;
}

/** A part of a gate that runs on its own, so that a stopped run goes on after it. */
export interface GateCase {
  /** Unique in its gate. */
  key: string;
  /** A deliberately wrong engine or sampler: the gate fails unless this case fails. */
  control: boolean;
  cost: Cost;
  run(context: GateContext): Promise<Finding>;
}

export interface Gate {
  name: string;
  /** What the gate claims, in one line. */
  claim: string;
  /** What is deliberately wrong in its negative control, in one line. */
  control: string;
  /** Why the gate says nothing about such a model; null when it does. */
  absent?(facts: ModelFacts): string | null;
  cases(scale: Scale, facts: ModelFacts): GateCase[];
  /** What is wrong with the figures of all cases together, controls left out; null for nothing. */
  verdict?(figures: readonly Figures[]): string | null;
  /** The gate's figures from those of its cases, controls left out. */
  summarise(figures: Figures[]): Figures;
}

export interface CaseReport extends Finding {
  key: string;
  control: boolean;
  seconds: number;
}

export interface GateReport {
  gate: string;
  status: 'passed' | 'failed' | 'absent';
  /** Cases that were to pass, and controls; a control counts as right when it failed. */
  cases: number;
  controls: number;
  figures: Figures;
  /** Why it failed or is absent. */
  problem: string | null;
  seconds: number;
}

/** A gate's report; every case must pass, every control must fail, and both must be there. */
export function reportOf(gate: Gate, facts: ModelFacts, cases: readonly CaseReport[]): GateReport {
  const empty = { gate: gate.name, cases: 0, controls: 0, figures: {}, seconds: 0 };
  const absent = gate.absent?.(facts) ?? null;
  if (absent !== null) return { ...empty, status: 'absent', problem: absent };
  const checks = cases.filter(({ control }) => !control);
  const controls = cases.filter(({ control }) => control);
  const figures = checks.map((check) => check.figures);
  const together = checks.length > 0 ? (gate.verdict?.(figures) ?? null) : null;
  const problems = [
    ...checks.flatMap(({ passed, key, problem }) => (passed ? [] : [`${key}: ${problem}`])),
    ...controls.flatMap(({ passed, key }) =>
      passed ? [`${key}: the control passed, so the gate proves nothing`] : [],
    ),
    ...(together === null ? [] : [together]),
    ...(checks.length === 0 ? ['no case ran'] : []),
    ...(controls.length === 0 ? ['no control ran'] : []),
  ];
  return {
    gate: gate.name,
    status: problems.length === 0 ? 'passed' : 'failed',
    cases: checks.length,
    controls: controls.length,
    figures: gate.summarise(figures),
    problem: problems[0] ?? null,
    seconds: cases.reduce((sum, { seconds }) => sum + seconds, 0),
  };
}

/** Runs a case; its time counts in the report. */
export async function runCase(gateCase: GateCase, context: GateContext): Promise<CaseReport> {
  const begin = performance.now();
  const { key, control } = gateCase;
  const finding = await gateCase.run({ ...context, failFast: context.failFast ?? control });
  return { key, control, ...finding, seconds: (performance.now() - begin) / 1000 };
}
