import { leviathan } from '../acceptance/leviathan.ts';
import { decodeWith } from '../cycle.ts';
import type { DecodingOptions } from '../options.ts';
import { type Purpose, purposes, type Uniforms } from '../random.ts';
import { Enumeration } from './enumeration.ts';
import { type Faults, FakeTarget } from './fake-target.ts';
import { type RuleParts, ruleOf } from './rule-of.ts';
import { naiveDistribution, rowOf, type ToyModel } from './toy-model.ts';

export interface Scenario {
  model: ToyModel;
  prompt: readonly number[];
  options: DecodingOptions;
}

/** What a mutant puts in the place of the true part. */
export interface Parts {
  rule?: RuleParts;
  faults?: Faults;
  options?: (options: DecodingOptions) => DecodingOptions;
  /** Name of the number that a decision uses: equal names share one. */
  site?: (position: number, purpose: Purpose, word: number) => string;
}

const tolerance = 1e-12;

/**
 * Adds up the probability of every text that `decode` with leviathan may emit, over all values of all its numbers,
 * and compares with the model's own joint distribution. null where they agree and the sequence holds what it
 * should; else what is wrong.
 */
export async function leviathanProblem(scenario: Scenario, parts: Parts = {}): Promise<string | null> {
  const emitted = new Map<string, number>();
  const enumeration = new Enumeration();
  do {
    try {
      const { text, history } = await oneRun(scenario, parts, enumeration);
      const held = [...scenario.prompt, ...text.slice(0, -1)];
      if (history.join() !== held.join()) return `the sequence holds ${history.join()}, not ${held.join()}`;
      emitted.set(text.join(), (emitted.get(text.join()) ?? 0) + enumeration.weight);
    } catch (error) {
      return `an error: ${String(error)}`;
    }
  } while (enumeration.next());
  const expected = jointDistribution(scenario);
  for (const text of new Set([...emitted.keys(), ...expected.keys()])) {
    const [found = 0, wanted = 0] = [emitted.get(text), expected.get(text)];
    if (!(Math.abs(found - wanted) <= tolerance)) return `text ${text} has probability ${found}, not ${wanted}`;
  }
  return null;
}

/** The probability of every text that plain sampling of the model may give under the scenario's limits. */
export function jointDistribution({ model, prompt, options }: Scenario): Map<string, number> {
  const texts = new Map<string, number>();
  const extend = (text: number[], probability: number): void => {
    if (text.length === options.maxTokens || options.stopIds.has(text.at(-1)!)) {
      texts.set(text.join(), probability);
      return;
    }
    const logits = model.target[rowOf([...prompt, ...text], model)]!;
    for (const [id, p] of naiveDistribution(logits, options.sampler)) extend([...text, id], probability * p);
  };
  extend([], 1);
  return texts;
}

async function oneRun(
  scenario: Scenario,
  { rule: parts, faults = {}, options: change = (o) => o, site }: Parts,
  enumeration: Enumeration,
): Promise<{ text: number[]; history: number[] }> {
  const { model, prompt, options } = scenario;
  const rule = parts === undefined ? leviathan : ruleOf(parts);
  const target = new FakeTarget(model, [], faults);
  const text: number[] = [];
  const breakpoints = new Breakpoints(scenario, site !== undefined);
  const numbers = new Map<string, number>();
  const uniforms: Uniforms = (position, purpose, word = 0) => {
    const name = site?.(position, purpose, word) ?? `${position} ${purpose} ${word}`;
    const known = numbers.get(name);
    if (known !== undefined) return known;
    const u = enumeration.choose(breakpoints.of([...prompt, ...text], position, purpose));
    breakpoints.taken(purpose, u);
    numbers.set(name, u);
    return u;
  };
  for await (const { tokens } of decodeWith(target, Int32Array.from(prompt), 0, change(options), { rule, uniforms })) {
    text.push(...tokens);
    breakpoints.restart();
  }
  return { text, history: target.history };
}

/** Where the outcome of a decision may change with its number, by the oracle's own p and q. */
class Breakpoints {
  readonly #model: ToyModel;
  readonly #options: DecodingOptions;
  /** The number of an accept decision may serve its residual too. */
  readonly #shared: boolean;
  #drafts: number[] = [];
  #q: [number, number][] = [];

  constructor({ model, options }: Scenario, shared: boolean) {
    this.#model = model;
    this.#options = options;
    this.#shared = shared;
  }

  restart(): void {
    this.#drafts = [];
  }

  /** `text`: prompt and emitted tokens, before the cycle that asks. */
  of(text: readonly number[], position: number, purpose: Purpose): number[] {
    const index = position - text.length;
    const { p, q } = this.#at(text, index);
    // A greedy draft has asked for no number.
    const draft = this.#drafts[index] ?? q[0]![0];
    const rest = p.map(([id, x]) => Math.max(0, x - of(id, q)));
    switch (purpose) {
      case purposes.draft:
        this.#q = q;
        return shares(q.map(([, x]) => x));
      case purposes.accept:
        this.#drafts[index] = draft;
        return [of(draft, p) / of(draft, q), ...(this.#shared ? shares(rest) : [])];
      case purposes.residual:
        return [...shares(rest), ...shares(p.map(([, x]) => x))];
      case purposes.target:
      case purposes.gumbel:
        return shares(p.map(([, x]) => x));
    }
  }

  #at(text: readonly number[], index: number): { p: [number, number][]; q: [number, number][] } {
    const { sampler, draftSampler } = this.#options;
    const row = rowOf([...text, ...this.#drafts.slice(0, index)], this.#model);
    return {
      p: naiveDistribution(this.#model.target[row]!, sampler),
      q: naiveDistribution(this.#model.draft[row]!, sampler.temperature === 0 ? sampler : draftSampler),
    };
  }

  /** A draft's number is known: so is the draft. */
  taken(purpose: Purpose, u: number): void {
    if (purpose !== purposes.draft) return;
    const at = shares(this.#q.map(([, x]) => x)).findIndex((sum) => u < sum);
    this.#drafts.push(this.#q.at(at)![0]);
  }
}

function of(id: number, pairs: [id: number, p: number][]): number {
  return pairs.find(([other]) => other === id)?.[1] ?? 0;
}

/** Running sums, as shares of the whole. */
function shares(weights: number[]): number[] {
  const total = weights.reduce((a, b) => a + b, 0);
  let sum = 0;
  return weights.map((w) => (sum += w) / total);
}
