import type { EngineModel } from '../../runtime/engine/engine.ts';
import type { EngineSequence } from '../../runtime/engine/sequence.ts';
import type { CycleResult, SequenceState } from '../../runtime/engine/types.ts';
import { addDifferences, type BitDifference, compareBits, equalBits } from './bits.ts';

/** Token ids that a gate feeds; long enough for its positions. */
export interface GateInput {
  model: EngineModel;
  tokens: Int32Array;
}

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

/** Collects comparisons of one gate. */
export class Comparison {
  readonly #gate: string;
  #sum: BitDifference = equalBits;
  #firstFailure: string | null = null;

  constructor(gate: string) {
    this.#gate = gate;
  }

  add(what: string, a: Float32Array, b: Float32Array): void {
    const difference = compareBits(a, b);
    if (difference.differing > 0) {
      this.#firstFailure ??= `${what}: ${difference.differing} of ${difference.count} numbers, max diff ${difference.maxDiff}`;
    }
    this.#sum = addDifferences(this.#sum, difference);
  }

  addStates(what: string, a: SequenceState, b: SequenceState): void {
    const names = (state: SequenceState) => state.tensors.map((t) => `${t.name}[${t.shape.join()}]`).join(' ');
    if (a.length !== b.length || a.mtpLength !== b.mtpLength || names(a) !== names(b)) {
      this.#firstFailure ??= `${what}: states of lengths ${a.length}/${a.mtpLength} and ${b.length}/${b.mtpLength} have other shapes`;
      this.#sum = addDifferences(this.#sum, { count: 1, differing: 1, maxDiff: Infinity });
      return;
    }
    a.tensors.forEach((tensor, i) => this.add(`${what}, ${tensor.name}`, tensor.data, b.tensors[i]!.data));
  }

  addIds(what: string, a: Int32Array | number[], b: Int32Array | number[]): void {
    this.add(what, Float32Array.from(a), Float32Array.from(b));
  }

  /** @throws Error when nothing was compared: such a gate would prove nothing. */
  report(): GateReport {
    if (this.#sum.count === 0) {
      throw new Error(`Gate ${this.#gate} compared nothing.`);
    }
    const { count, differing, maxDiff } = this.#sum;
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
  logits?: 'none' | 'last' | 'all';
}

/** One cycle with greedy drafts and every logits row. */
export async function step(
  sequence: EngineSequence,
  { keep, tokens, depth = 0, logits = 'all' }: Step,
): Promise<CycleResult> {
  return sequence.cycle({
    keep,
    tokens: Int32Array.from(tokens),
    depth,
    draft: depth > 0 ? { filter: { temperature: 0, topP: 1, topK: 1 }, noise: { kind: 'none' } } : null,
    logits,
    candidates: { temperature: 1, count: 1 },
    draw: null,
    edits: [],
  });
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

/** Logits and hidden rows of feeding `tokens` one at a time to a fork of `base`. */
export async function oneByOne(
  base: EngineSequence,
  tokens: Int32Array | number[],
): Promise<{ logits: Float32Array[]; hidden: Float32Array[]; sequence: EngineSequence }> {
  const sequence = await base.fork();
  const logits: Float32Array[] = [];
  const hidden: Float32Array[] = [];
  let keep = 0;
  for (const token of tokens) {
    await step(sequence, { keep, tokens: [token] });
    logits.push(await sequence.rows('logits'));
    hidden.push(await sequence.rows('hidden'));
    keep = 1;
  }
  await sequence.commit(keep);
  return { logits, hidden, sequence };
}

export function row(rows: Float32Array, index: number, width: number): Float32Array {
  return rows.subarray(index * width, (index + 1) * width);
}
