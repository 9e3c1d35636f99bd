import { type AcceptanceName } from '../../runtime/index.ts';
import { median, ratio, sum } from '../averages.ts';
import { armsOf } from '../bench/arms.ts';
import { firstDifference } from '../bench/coupling.ts';
import type { MeasuredGeneration } from '../bench/measure.ts';
import { summarise } from '../bench/summary.ts';
import {
  bootstrap,
  type BootstrapOptions,
  type Estimate,
  meanRateRatio,
  type RatePair,
  totalRateRatio,
} from '../intervals.ts';
import { positionsOf } from './positions.ts';
import type { SweepArm, SweepDocument } from './sweep-document.ts';

export type SweepSummary = Pick<SweepDocument, 'arms' | 'best_arm' | 'same_text' | 'first_difference' | 'warnings'>;

export interface SweepSummaryOptions {
  depths: readonly number[];
  acceptance: AcceptanceName;
  /** Of the bootstrap. */
  seed: number;
}

/** Measured and predicted may lie this far apart before a reader is warned. */
const tolerance = 0.1;

/** An arm and plain decoding on one prompt in one repeat, one right after the other. */
interface PairedBlock extends RatePair {
  /** Cycles of the arm. */
  cycles: number;
  /** Median cycle of the arm over the median plain step, and the same of their verify phases. */
  cost: number;
  verify: number;
}

type Clusters = readonly (readonly PairedBlock[])[];

/** What the generations of a sweep say. Definitions stand at the fields of sweep-document.ts and bench/document.ts. */
export function summariseSweep(
  generations: readonly MeasuredGeneration[],
  { depths, acceptance, seed }: SweepSummaryOptions,
): SweepSummary {
  const { arms: measured, best_arm } = summarise(generations, armsOf(depths), acceptance);
  const arms = measured.map((all): SweepArm => {
    const { projected_speedup: _, coupled: __, ...arm } = all;
    const own = generations.filter(({ job }) => job.arm.name === arm.name);
    const estimates = estimatesOf(pairedBlocks(generations, arm.name), { seed });
    const cycles = own.flatMap(({ steps }) => steps.flatMap(({ cycle }) => cycle ?? []));
    const { speedup_of_totals, predicted_speedup } = estimates;
    return {
      ...arm,
      estimates,
      prediction_error: ratio(speedup_of_totals.value, predicted_speedup.value) - 1,
      positions: positionsOf(cycles),
    };
  });
  const difference = acceptance === 'coupled' ? firstDifference(generations) : null;
  return {
    best_arm,
    arms,
    same_text: acceptance === 'coupled' ? difference === null : null,
    first_difference: difference,
    warnings: arms.filter(({ prediction_error }) => Math.abs(prediction_error) > tolerance).map(warning),
  };
}

function warning({ name, estimates, prediction_error }: SweepArm): string {
  const { speedup_of_totals: measured, predicted_speedup: predicted } = estimates;
  return `${name}: measured ${measured.value.toFixed(2)}×, predicted ${predicted.value.toFixed(2)}× (${(100 * prediction_error).toFixed(0)} %)`;
}

/** Blocks of an arm by prompt, for a bootstrap over prompts and their repeats. */
function pairedBlocks(generations: readonly MeasuredGeneration[], name: string): PairedBlock[][] {
  const key = ({ job }: MeasuredGeneration): string => `${job.run}/${job.prompt}`;
  const plain = new Map(generations.filter(({ job }) => job.arm.depth === 0).map((g) => [key(g), g]));
  const clusters = new Map<number, PairedBlock[]>();
  for (const generation of generations.filter(({ job }) => job.arm.name === name)) {
    const base = plain.get(key(generation))!;
    const cluster = clusters.get(generation.job.prompt) ?? [];
    clusters.set(generation.job.prompt, cluster);
    cluster.push({
      arm: rateOf(generation),
      base: rateOf(base),
      cycles: generation.steps.length - 1,
      cost: ratio(medianCycle(generation), medianCycle(base)),
      verify: ratio(medianVerify(generation), medianVerify(base)),
    });
  }
  return [...clusters.values()];
}

function estimatesOf(clusters: Clusters, options: BootstrapOptions): SweepArm['estimates'] {
  const over = (statistic: (clusters: Clusters) => number): Estimate => bootstrap(clusters, statistic, options);
  return {
    speedup_vs_ar: over(meanRateRatio),
    speedup_of_totals: over(totalRateRatio),
    accepted_length: over(acceptedLength),
    cycle_cost: over(cycleCost),
    verify_over_step: over((blocks) => median(blocks.flat().map(({ verify }) => verify))),
    predicted_speedup: over((blocks) => ratio(acceptedLength(blocks), cycleCost(blocks))),
  };
}

function acceptedLength(clusters: Clusters): number {
  const blocks = clusters.flat();
  return ratio(sum(blocks.map(({ arm }) => arm.tokens)), sum(blocks.map(({ cycles }) => cycles)));
}

function cycleCost(clusters: Clusters): number {
  return median(clusters.flat().map(({ cost }) => cost));
}

/** Tokens after the first, and the time from the first to the last. */
function rateOf({ steps }: MeasuredGeneration): RatePair['arm'] {
  return {
    tokens: sum(steps.slice(1).map(({ tokens }) => tokens.length)),
    ms: (steps.at(-1)?.atMs ?? 0) - (steps[0]?.atMs ?? 0),
  };
}

function medianCycle({ steps }: MeasuredGeneration): number {
  return median(steps.flatMap(({ cycle }) => cycle?.wall ?? []));
}

function medianVerify({ steps }: MeasuredGeneration): number {
  return median(steps.flatMap(({ cycle }) => cycle?.times.verify ?? []));
}
