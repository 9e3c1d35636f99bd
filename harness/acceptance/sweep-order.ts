import type { AcceptanceName } from '../../runtime/index.ts';
import { armsOf } from '../bench/arms.ts';
import { type Job, jobSeed } from '../bench/schedule.ts';
import { randomOf, shuffled } from '../randomness.ts';

/** One prompt in one repeat: every arm once, with the same seed, side by side. */
export interface Block {
  run: number;
  /** Index of the prompt in the suite. */
  prompt: number;
  /** In the order in which they run. */
  jobs: Job[];
}

export interface OrderOptions {
  prompts: number;
  depths: readonly number[];
  runs: number;
  seed: number;
  acceptance: AcceptanceName;
}

/**
 * Blocks repeat by repeat. In each repeat the prompts come in an order drawn at random from the seed, and in each block the arms:
 * what the machine does meanwhile falls on all arms alike.
 */
export function sweepOrder({ prompts, depths, runs, seed, acceptance }: OrderOptions): Block[] {
  const random = randomOf(seed);
  const indices = Array.from({ length: prompts }, (_, i) => i);
  return Array.from({ length: runs }, (_, run) =>
    shuffled(indices, random).map((prompt) => ({
      run,
      prompt,
      jobs: shuffled(armsOf(depths), random).map((arm) => ({
        run,
        prompt,
        arm,
        acceptance,
        seed: jobSeed(seed, prompt, run),
      })),
    })),
  ).flat();
}
