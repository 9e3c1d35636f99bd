import type { MeasuredGeneration } from '../bench/measure.ts';
import { tokensPerSecond } from '../bench/summary.ts';
import { ratio, sum } from '../averages.ts';

/** What one depth costs and gives, measured and from the fits. */
export interface FittedDepth {
  depth: number;
  cycles: number;
  /** Mean of a cycle without the slowest and fastest tenth, milliseconds. */
  cycle_ms: number;
  /** Measured: tokens after the first of each generation, over their time. */
  tok_s: number;
  /** Expected tokens of a cycle over `cycle_ms`: what an undisturbed machine would give. */
  predicted_tok_s: number;
}

export interface DepthFit {
  depths: FittedDepth[];
  /** Drafts accepted at position 1, 2, …, given the one before; of all depths together. */
  acceptance: number[];
  /** Least squares through the cycles' times: plain_ms + draft_ms · depth. */
  line: { plain_ms: number; draft_ms: number };
  /** The depth with the highest prediction. */
  depth: number;
}

const trimmedShare = 0.1;

/** Fits cost and acceptance by depth. `depths` rise and begin with 0; each has generations. */
export function fitDepths(generations: readonly MeasuredGeneration[], depths: readonly number[]): DepthFit {
  const deepest = depths.at(-1)!;
  const acceptance = conditionalAcceptance(generations, deepest);
  const fitted = depths.map((depth): FittedDepth => {
    const own = generations.filter(({ job }) => job.arm.depth === depth);
    // The first cycle also commits the prompt and makes its MTP rows.
    const walls = own.flatMap(({ steps }) => cyclesOf(steps, depth).slice(1));
    const cycleMs = trimmedMean(walls) / 1e6;
    return {
      depth,
      cycles: walls.length,
      cycle_ms: cycleMs,
      tok_s: tokensPerSecond(own),
      predicted_tok_s: (1000 * expectedTokens(acceptance, depth)) / cycleMs,
    };
  });
  const best = fitted.reduce((a, b) => (b.predicted_tok_s > a.predicted_tok_s ? b : a));
  return { depths: fitted, acceptance, line: costLine(fitted), depth: best.depth };
}

/** Wall times of the cycles that drafted `depth`: the last one of a text may draft less. */
function cyclesOf(steps: MeasuredGeneration['steps'], depth: number): number[] {
  return steps.flatMap(({ cycle }) => (cycle?.drafted === depth ? [cycle.wall] : []));
}

function conditionalAcceptance(generations: readonly MeasuredGeneration[], deepest: number): number[] {
  const cycles = generations.flatMap(({ steps }) => steps.flatMap(({ cycle }) => cycle ?? []));
  return Array.from({ length: deepest }, (_, i) => {
    const tried = cycles.filter(({ drafted, accepted }) => drafted > i && accepted >= i);
    return ratio(sum(tried.map(({ accepted }) => Number(accepted > i))), tried.length);
  });
}

/** 1 + Σ of the products. */
function expectedTokens(acceptance: readonly number[], depth: number): number {
  let [tokens, product] = [1, 1];
  for (const share of acceptance.slice(0, depth)) tokens += product *= share;
  return tokens;
}

function trimmedMean(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const cut = Math.floor(trimmedShare * sorted.length);
  const kept = sorted.slice(cut, sorted.length - cut);
  return ratio(sum(kept), kept.length);
}

function costLine(fitted: readonly FittedDepth[]): DepthFit['line'] {
  const n = fitted.length;
  const x = sum(fitted.map(({ depth }) => depth)) / n;
  const y = sum(fitted.map(({ cycle_ms }) => cycle_ms)) / n;
  const slope = ratio(
    sum(fitted.map(({ depth, cycle_ms }) => (depth - x) * (cycle_ms - y))),
    sum(fitted.map(({ depth }) => (depth - x) ** 2)),
  );
  return { plain_ms: y - slope * x, draft_ms: slope };
}
