import {
  deepest,
  type DepthStart,
  type DepthState,
  draftsDue,
  initialDepthState,
  observe,
  observePlain,
} from '../controller.ts';

/** A machine and a text, as far as they decide speed. */
export interface World {
  /** Milliseconds of a cycle by depth 0 … deepest. */
  cost: number[];
  /** P(draft i is accepted, given the one before), i = 1 … deepest. */
  acceptance: number[];
}

export interface Simulation {
  /** The world when this many tokens have been made. */
  at: (tokens: number) => World;
  start: DepthStart;
  tokens: number;
  /** Tokens of a generation. */
  generation: number;
  seed: number;
  /** Standard deviation of the logarithm of a cycle's measured time; 2 % of the cycles are measured twice as long. */
  noise: number;
}

export interface Outcome {
  /** Expected tokens a millisecond over those of the best fixed depth: 1 is as good. */
  ratio: number;
  /** The best fixed depth. */
  best: number;
  cycles: number[];
  state: DepthState;
}

/** Of a plain step: state for the MTP head that a plain cycle keeps, and its making up before drafts. */
const [keeping, catchingUp] = [0.02, 0.5];

/**
 * Runs the controller in a world of its own. It sees drawn acceptances and noisy times; it is judged by their means, so
 * that luck does not count.
 */
export function simulate({ at, start, tokens, generation, seed, noise }: Simulation): Outcome {
  const random = randomNumbers(seed);
  const cycles = Array.from({ length: deepest + 1 }, () => 0);
  let state = initialDepthState(start);
  let [made, time] = [0, 0];
  while (made < tokens) {
    const end = Math.min(tokens, made + generation);
    const drafts = draftsDue(state, generation);
    for (let last: number | null = null; made < end;) {
      const { cost, acceptance } = at(made);
      const depth: number = drafts ? state.depth : 0;
      const resumed = depth > 0 && last === 0;
      const extra = depth === 0 && drafts ? keeping : resumed ? catchingUp : 0;
      const mean = cost[depth]! + extra * cost[0]!;
      const disturbed = random() < 0.02 ? 2 : 1;
      const wall = 1e6 * mean * Math.exp(noise * normal(random)) * disturbed;
      let accepted = 0;
      while (accepted < depth && random() < acceptance[accepted]!) accepted += 1;
      const cycle = { drafted: depth, accepted, wall, catchesUp: last === null || resumed };
      state = (drafts ? observe : observePlain)(state, cycle);
      made += meanTokens(acceptance, depth);
      time += mean;
      cycles[depth]! += 1;
      last = depth;
    }
  }
  const fixed = cycles.map((_, depth) => fixedRate(at, tokens, depth));
  const highest = Math.max(...fixed);
  return { ratio: made / time / highest, best: fixed.indexOf(highest), cycles, state };
}

function fixedRate(at: Simulation['at'], tokens: number, depth: number): number {
  let [made, time] = [0, 0];
  while (made < tokens) {
    const { cost, acceptance } = at(made);
    made += meanTokens(acceptance, depth);
    time += cost[depth]!;
  }
  return made / time;
}

function meanTokens(acceptance: readonly number[], depth: number): number {
  let [tokens, product] = [1, 1];
  for (let i = 0; i < depth; i++) tokens += product *= acceptance[i]!;
  return tokens;
}

/** G. Marsaglia, "Xorshift RNGs" (2003): enough for a simulation. */
export function randomNumbers(seed: number): () => number {
  let x = (seed * 2_654_435_761 + 88_675_123) >>> 0 || 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    x >>>= 0;
    return x / 2 ** 32;
  };
}

function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
