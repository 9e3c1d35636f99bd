import { type AcceptanceName, Tally } from '../../runtime/index.ts';
import type { Contract } from '../../runtime/model/contract.ts';
import { armsOf } from '../bench/arms.ts';
import type { MeasuredGeneration } from '../bench/measure.ts';
import { type Job, jobSeed } from '../bench/schedule.ts';
import { bootstrap, meanRateRatio, type Rate, type RatePair } from '../intervals.ts';
import { ratio, sum } from '../averages.ts';
import type { VerifySpec } from './spec.ts';

const bootstrapSeed = 1;

/** Units of the speed run by key: all arms on one prompt, taking turns as to who begins. */
export function speedUnits({ speed, suite, seed }: VerifySpec): Map<string, Job[]> {
  const arms = armsOf(speed.depths);
  const acceptance: AcceptanceName = suite.settings.acceptance;
  const units = new Map<string, Job[]>();
  for (let run = 0; run < speed.runs; run++)
    for (let prompt = 0; prompt < speed.prompts; prompt++) {
      const turn = (prompt + run) % arms.length;
      const order = [...arms.slice(turn), ...arms.slice(0, turn)];
      const jobs = order.map((arm): Job => ({ run, prompt, arm, acceptance, seed: jobSeed(seed, prompt, run) }));
      units.set(`speed/${suite.prompts[prompt]!}, run ${run + 1}`, jobs);
    }
  return units;
}

type Measured = Pick<Contract, 'acceptance_by_depth' | 'speed_evidence' | 'recommended_depth'>;

/** Acceptance by depth, and every depth's speed over plain decoding's, prompt by prompt. */
export function summariseSpeed(spec: VerifySpec, generations: readonly MeasuredGeneration[]): Measured {
  const { suite, speed } = spec;
  const depths = speed.depths.filter((depth) => depth > 0);
  const of = (depth: number) => generations.filter(({ job }) => job.arm.depth === depth);
  const estimates = depths.map((depth) => {
    const estimate = bootstrap(pairsOf(of(depth), of(0)), meanRateRatio, { seed: bootstrapSeed });
    return { depth, ...estimate };
  });
  const best = estimates.reduce((a, b) => (b.value > a.value ? b : a));
  return {
    acceptance_by_depth: Object.fromEntries(depths.map((depth) => [`${depth}`, acceptanceOf(of(depth))])),
    speed_evidence: {
      suite: suite.name,
      suite_sha256: suite.sha256,
      prompts: speed.prompts,
      max_tokens: speed.tokens,
      ar_tok_s: tokensPerSecond(of(0)),
      mtp_tok_s: tokensPerSecond(of(best.depth)),
      speedup_vs_ar: best.value,
      speedup_interval: [best.low, best.high],
      mtp_depth: best.depth,
      by_depth: Object.fromEntries(estimates.map(({ depth, value }) => [`${depth}`, value])),
    },
    recommended_depth: best.value > 1 ? best.depth : 0,
  };
}

function acceptanceOf(generations: readonly MeasuredGeneration[]): Contract['acceptance_by_depth'][string] {
  const tally = new Tally();
  for (const { steps } of generations) for (const { tokens, cycle } of steps) tally.add(tokens.length, cycle);
  const { acceptancePerStep, acceptedLength, counts } = tally;
  return { per_step: acceptancePerStep, accepted_length: acceptedLength, cycles: counts.cycles };
}

/** Pairs of the same prompt and run, by prompt. */
function pairsOf(arm: readonly MeasuredGeneration[], base: readonly MeasuredGeneration[]): RatePair[][] {
  const prompts = [...new Set(arm.map(({ job }) => job.prompt))];
  return prompts.map((prompt) =>
    arm
      .filter(({ job }) => job.prompt === prompt)
      .map((generation) => {
        const { run } = generation.job;
        const plain = base.find(({ job }) => job.prompt === prompt && job.run === run)!;
        return { arm: rateOf(generation), base: rateOf(plain) };
      }),
  );
}

/** Tokens after the first, and the time from the first to the last. */
function rateOf({ steps }: MeasuredGeneration): Rate {
  return {
    tokens: sum(steps.slice(1).map(({ tokens }) => tokens.length)),
    ms: (steps.at(-1)?.atMs ?? 0) - (steps[0]?.atMs ?? 0),
  };
}

function tokensPerSecond(generations: readonly MeasuredGeneration[]): number {
  const rates = generations.map(rateOf);
  return ratio(sum(rates.map(({ tokens }) => tokens)), sum(rates.map(({ ms }) => ms)) / 1000);
}
