import { type AcceptanceName, Tally } from '../../runtime/index.ts';
import { mean, median, ratio, sum } from '../averages.ts';
import type { Arm } from './arms.ts';
import { firstDifference } from './coupling.ts';
import type { ArmResult, BenchDocument, Comparison } from './document.ts';
import type { MeasuredGeneration } from './measure.ts';

/** What the generations of a benchmark say; the rest of the document says where it was taken. */
export type BenchSummary = Pick<
  BenchDocument,
  'arms' | 'best_arm' | 'mean_speedup_vs_ar' | 'speedup_of_totals' | 'projected_speedup' | 'coupled'
>;

/** The definitions stand at the fields of document.ts. `arms` begins with plain decoding. */
export function summarise(
  generations: readonly MeasuredGeneration[],
  arms: readonly Arm[],
  acceptance: AcceptanceName,
): BenchSummary {
  const main = generations.filter(({ job }) => job.acceptance === acceptance);
  const coupled = generations.filter(({ job }) => job.acceptance === 'coupled');
  const results = arms.map((arm) => summariseArm(arm, main, coupled));
  const best = results.reduce((a, b) => (b.speedup_vs_ar > a.speedup_vs_ar ? b : a));
  const drafting = results.filter(({ depth }) => depth > 0);
  const headline = drafting.toSorted((a, b) => b.speedup_vs_ar - a.speedup_vs_ar)[0];
  return {
    best_arm: best.name,
    mean_speedup_vs_ar: headline?.speedup_vs_ar ?? null,
    speedup_of_totals: headline?.speedup_of_totals ?? null,
    projected_speedup: headline?.projected_speedup ?? null,
    coupled: headline?.coupled ? summariseCoupled(headline.coupled, coupled) : null,
    arms: results,
  };
}

function summariseCoupled(
  { speedup_vs_ar, speedup_of_totals }: Comparison,
  generations: readonly MeasuredGeneration[],
): BenchDocument['coupled'] {
  const difference = firstDifference(generations);
  return {
    runs: new Set(generations.map(({ job }) => job.run)).size,
    mean_speedup_vs_ar: speedup_vs_ar,
    speedup_of_totals,
    same_text: difference === null,
    first_difference: difference,
  };
}

function summariseArm(
  arm: Arm,
  main: readonly MeasuredGeneration[],
  coupled: readonly MeasuredGeneration[],
): ArmResult {
  const own = ofArm(main, arm.name);
  const { counts, acceptancePerStep, acceptanceConditional, acceptanceRate } = tallyOf(own);
  const { acceptedAt: _, ...numbers } = counts;
  const times = cycleTimes(own);
  const plain = cycleTimes(ofArm(main, 'ar'));
  const comparison = compare(arm, main);
  return {
    name: arm.name,
    depth: arm.depth,
    ...comparison,
    ttft_ms: median(own.map(({ steps }) => steps[0]?.atMs ?? 0)),
    projected_speedup: ratio(comparison.accepted_length, ratio(times.cycle_ms, plain.cycle_ms)),
    acceptance_per_step: acceptancePerStep,
    acceptance_conditional: acceptanceConditional,
    acceptance_rate: acceptanceRate,
    ...numbers,
    ...times,
    verify_over_step: ratio(times.verify_ms, plain.verify_ms),
    coupled: coupled.length > 0 ? compare(arm, coupled) : null,
  };
}

function compare(arm: Arm, generations: readonly MeasuredGeneration[]): Comparison {
  const own = ofArm(generations, arm.name);
  const plain = ofArm(generations, 'ar');
  const ratios = [...new Set(own.map(({ job }) => job.prompt))].map((prompt) =>
    ratio(tokensPerSecond(ofPrompt(own, prompt)), tokensPerSecond(ofPrompt(plain, prompt))),
  );
  return {
    tok_s: tokensPerSecond(own),
    speedup_vs_ar: mean(ratios),
    speedup_of_totals: ratio(tokensPerSecond(own), tokensPerSecond(plain)),
    speedup_range: [Math.min(...ratios), Math.max(...ratios)],
    accepted_length: tallyOf(own).acceptedLength,
  };
}

/** Tokens after the first of each generation, and the time from the first to the last. */
export function tokensPerSecond(generations: readonly MeasuredGeneration[]): number {
  const tokens = sum(generations.map(({ steps }) => sum(steps.slice(1).map((step) => step.tokens.length))));
  const ms = sum(generations.map(({ steps }) => (steps.at(-1)?.atMs ?? 0) - (steps[0]?.atMs ?? 0)));
  return ratio(tokens, ms / 1000);
}

function tallyOf(generations: readonly MeasuredGeneration[]): Tally {
  const tally = new Tally();
  for (const { steps } of generations) for (const { tokens, cycle } of steps) tally.add(tokens.length, cycle);
  return tally;
}

type CycleTimes = Pick<
  ArmResult,
  'commit_ms' | 'draft_ms' | 'verify_ms' | 'candidates_ms' | 'overhead_ms' | 'outside_ms' | 'cycle_ms'
>;

function cycleTimes(generations: readonly MeasuredGeneration[]): CycleTimes {
  const cycles = generations.flatMap(({ steps }) => steps.flatMap(({ cycle }) => cycle ?? []));
  const medianMs = (of: (cycle: (typeof cycles)[number]) => number): number => median(cycles.map(of)) / 1e6;
  return {
    commit_ms: medianMs(({ times }) => times.commit),
    draft_ms: medianMs(({ times }) => times.draft),
    verify_ms: medianMs(({ times }) => times.verify),
    candidates_ms: medianMs(({ times }) => times.candidates),
    overhead_ms: medianMs(({ times: t }) => t.total - t.commit - t.draft - t.verify - t.candidates),
    outside_ms: medianMs(({ wall, times }) => wall - times.total),
    cycle_ms: medianMs(({ wall }) => wall),
  };
}

function ofArm(generations: readonly MeasuredGeneration[], name: string): MeasuredGeneration[] {
  return generations.filter(({ job }) => job.arm.name === name);
}

function ofPrompt(generations: readonly MeasuredGeneration[], prompt: number): MeasuredGeneration[] {
  return generations.filter(({ job }) => job.prompt === prompt);
}
