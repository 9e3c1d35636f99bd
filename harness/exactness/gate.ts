import type { EngineModel } from '../../runtime/engine/engine.ts';
import type { EngineSequence } from '../../runtime/engine/sequence.ts';
import type { CycleEntry, CycleResult, SequenceState } from '../../runtime/engine/types.ts';
import { addDifferences, type BitDifference, compareBits, equalBits, type Numbers } from './bits.ts';

export interface GateInput {
  model: EngineModel;
  /** Token ids that a gate feeds; at least `gateTokens` of them. */
  tokens: Int32Array;
  /** Stop at the first difference: for mutations, of which one is enough. */
  failFast?: boolean;
}

/** As many ids as the gates read. */
export const gateTokens = 640;

export interface GateReport {
  gate: string;
  passed: boolean;
  /** Numbers compared as bits, those that differ, and the largest difference (0.0 when none differs). */
  compared: number;
  differing: number;
  maxDiff: number;
  /** The first case that differed. */
  firstFailure: string | null;
}

export interface Gate {
  name: string;
  /** What the gate claims, in one line. */
  claim: string;
  run(input: GateInput): Promise<GateReport>;
}

class FirstDifference extends Error {}

/** Collects comparisons of one gate. */
export class Comparison {
  readonly #gate: string;
  readonly #failFast: boolean;
  #sum: BitDifference = equalBits;
  #firstFailure: string | null = null;

  private constructor(gate: string, failFast: boolean) {
    this.#gate = gate;
    this.#failFast = failFast;
  }

  /** Runs `body` and reports what it compared. @throws Error when that was nothing: such a gate would prove nothing. */
  static async of(
    gate: string,
    { failFast = false }: GateInput,
    body: (comparison: Comparison) => Promise<void>,
  ): Promise<GateReport> {
    const comparison = new Comparison(gate, failFast);
    try {
      await body(comparison);
    } catch (error) {
      if (!(error instanceof FirstDifference)) throw error;
    }
    return comparison.#report();
  }

  add(what: string, a: Numbers, b: Numbers): void {
    const difference = compareBits(a, b);
    this.#sum = addDifferences(this.#sum, difference);
    if (difference.differing > 0) {
      this.#firstFailure ??= `${what}: ${difference.differing} of ${difference.count} numbers, max diff ${difference.maxDiff}`;
      if (this.#failFast) throw new FirstDifference();
    }
  }

  addIds(what: string, a: Iterable<number>, b: Iterable<number>): void {
    this.add(what, Int32Array.from(a), Int32Array.from(b));
  }

  addStates(what: string, a: SequenceState, b: SequenceState): void {
    this.addIds(`${what}, trunk and MTP rows`, [a.length, a.mtpLength], [b.length, b.mtpLength]);
    const found = new Map(b.tensors.map((tensor) => [tensor.name, tensor]));
    this.addIds(`${what}, tensors`, [a.tensors.length], [found.size]);
    for (const { name, shape, data } of a.tensors) {
      this.addIds(`${what}, shape of ${name}`, shape, found.get(name)?.shape ?? []);
      this.add(`${what}, ${name}`, data, found.get(name)?.data ?? new Float32Array());
    }
  }

  /** Drafts, candidates and draws of two cycles. */
  addResults(what: string, a: Omit<CycleResult, 'times'>, b: Omit<CycleResult, 'times'>): void {
    this.add(`${what}, draft tokens`, a.draftTokens, b.draftTokens);
    this.add(`${what}, draft supports`, a.draftIds, b.draftIds);
    this.add(`${what}, draft probabilities`, a.draftProbabilities, b.draftProbabilities);
    this.add(`${what}, candidates`, a.ids, b.ids);
    this.add(`${what}, candidate logits`, a.logits, b.logits);
    this.add(`${what}, log-sum-exps`, a.logSums, b.logSums);
    this.add(`${what}, draws`, a.drawn, b.drawn);
  }

  /** Whole logits and hidden rows of the last cycles of two sequences. */
  async addRows(what: string, a: EngineSequence, b: EngineSequence): Promise<void> {
    for (const kind of ['logits', 'hidden'] as const) {
      this.add(`${what}, ${kind}`, await a.rows(kind), await b.rows(kind));
    }
  }

  #report(): GateReport {
    const { count, differing, maxDiff } = this.#sum;
    if (count === 0) {
      throw new Error(`Gate ${this.#gate} compared nothing.`);
    }
    return {
      gate: this.#gate,
      passed: differing === 0,
      compared: count,
      differing,
      maxDiff,
      firstFailure: this.#firstFailure,
    };
  }
}

export interface Step {
  keep: number;
  tokens: Int32Array | number[];
  depth?: number;
  logits?: CycleEntry['logits'];
}

/** A cycle that reports all that decoding reads: drafts with their q, candidates, a native draw of each row. */
export function entry({ keep, tokens, depth = 0, logits = 'all' }: Step): Omit<CycleEntry, 'sequence'> {
  const noise = { kind: 'gumbel', seed: 1n, choice: 0 } as const;
  return {
    keep,
    tokens: Int32Array.from(tokens),
    depth,
    draft: depth > 0 ? { filter: { temperature: 0.7, topP: 0.95, topK: 20 }, noise } : null,
    logits,
    candidates: { temperature: 0.6, count: 20 },
    draw: logits === 'none' ? null : { filter: { temperature: 1, topP: 1, topK: 0 }, noise },
    edits: [],
  };
}

export async function step(sequence: EngineSequence, given: Step): Promise<CycleResult> {
  return sequence.cycle(entry(given));
}

/**
 * A verification of `rows` rows at text position `at`: the text's token and the drafts after it, or, without an MTP
 * head, as many tokens of the text. `tokens` are the ids of the rows.
 */
export async function verify(
  { model, tokens }: GateInput,
  sequence: EngineSequence,
  { keep, at, rows }: { keep: number; at: number; rows: number },
): Promise<{ result: CycleResult; tokens: number[] }> {
  if (!model.request.spec.mtp) {
    const given = [...tokens.subarray(at, at + rows)];
    return { result: await step(sequence, { keep, tokens: given }), tokens: given };
  }
  const first = tokens[at]!;
  const result = await step(sequence, { keep, tokens: [first], depth: rows - 1 });
  return { result, tokens: [first, ...result.draftTokens] };
}

/** A sequence whose history is the first `length` tokens, fed in chunks of `chunk`. */
export async function prefilled(input: GateInput, length: number, chunk = 512): Promise<EngineSequence> {
  const sequence = await input.model.createSequence({ mtp: input.model.request.spec.mtp });
  let keep = 0;
  for (let begin = 0; begin < length; begin += chunk) {
    const tokens = input.tokens.subarray(begin, Math.min(begin + chunk, length));
    await step(sequence, { keep, tokens, logits: 'none' });
    keep = tokens.length;
  }
  await sequence.commit(keep);
  return sequence;
}

export interface SingleSteps {
  /** One cycle's result, whole logits [V] and hidden row [H] a token. */
  results: CycleResult[];
  logits: Float32Array[];
  hidden: Float32Array[];
  sequence: EngineSequence;
}

/** Plain decoding of given tokens, one a cycle, on a fork of `base`. */
export async function oneByOne(base: EngineSequence, tokens: Int32Array | number[]): Promise<SingleSteps> {
  const steps: SingleSteps = { results: [], logits: [], hidden: [], sequence: await base.fork() };
  let keep = 0;
  for (const token of tokens) {
    steps.results.push(await step(steps.sequence, { keep, tokens: [token] }));
    steps.logits.push(await steps.sequence.rows('logits'));
    steps.hidden.push(await steps.sequence.rows('hidden'));
    keep = 1;
  }
  await steps.sequence.commit(keep);
  return steps;
}

export async function disposeAll(...sequences: EngineSequence[]): Promise<void> {
  for (const sequence of sequences) {
    await sequence.dispose();
  }
}
