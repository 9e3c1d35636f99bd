import type { AcceptanceName } from '../../runtime/index.ts';
import type { Arm } from './arms.ts';

/** One generation to measure. */
export interface Job {
  run: number;
  /** Index of the prompt in the suite. */
  prompt: number;
  arm: Arm;
  acceptance: AcceptanceName;
  seed: number;
}

export interface ScheduleOptions {
  prompts: number;
  arms: readonly Arm[];
  runs: number;
  seed: number;
  acceptance: AcceptanceName;
}

/** Seeds of two runs are this far apart; a suite has fewer prompts. */
const seedsPerRun = 1000;

/** The seed of prompt `prompt` in run `run`, the same for every arm: `seed` + prompt + 1000 · run. */
export function jobSeed(seed: number, prompt: number, run: number): number {
  return seed + prompt + seedsPerRun * run;
}

/** Names a job in its schedule: `leviathan/0/py-sum/mtp-d3`. `prompts` are the suite's ids. */
export function jobKey({ acceptance, run, prompt, arm }: Job, prompts: readonly string[]): string {
  return [acceptance, run, prompts[prompt], arm.name].join('/');
}

/**
 * All generations in the order in which they run: run by run, prompt by prompt, the arms taking turns. Which arm begins
 * moves on with every prompt, so that a machine that warms up or slows down treats all alike.
 *
 * With `leviathan` and an arm that drafts, one more run follows with `coupled`, where all arms emit the same text.
 */
export function schedule({ prompts, arms, runs, seed, acceptance }: ScheduleOptions): Job[] {
  const pass = (run: number, rule: AcceptanceName): Job[] =>
    Array.from({ length: prompts }, (_, prompt) =>
      rotated(arms, prompt + run).map((arm) => ({
        run,
        prompt,
        arm,
        acceptance: rule,
        seed: jobSeed(seed, prompt, run),
      })),
    ).flat();
  const main = Array.from({ length: runs }, (_, run) => pass(run, acceptance)).flat();
  const drafts = arms.some(({ depth }) => depth > 0);
  return acceptance === 'leviathan' && drafts ? [...main, ...pass(0, 'coupled')] : main;
}

function rotated<T>(items: readonly T[], by: number): T[] {
  const at = by % items.length;
  return [...items.slice(at), ...items.slice(0, at)];
}
