import type { CycleResult, SequenceState } from '../../runtime/engine/types.ts';
import { addDifferences, type BitDifference, compareBits, equalBits, type Numbers } from './bits.ts';
import type { GateSequence } from './engine.ts';
import type { Figures, Finding, GateContext } from './gate.ts';

class FirstDifference extends Error {}

/** Collects comparisons of bits of one case. */
export class Comparison {
  readonly #failFast: boolean;
  #sum: BitDifference = equalBits;
  #problem: string | null = null;

  private constructor(failFast: boolean) {
    this.#failFast = failFast;
  }

  /** Runs `body` and reports what it compared. @throws Error when that was nothing: such a case would prove nothing. */
  static async of(
    { failFast = false }: Pick<GateContext, 'failFast'>,
    body: (comparison: Comparison) => Promise<void>,
  ): Promise<Finding> {
    const comparison = new Comparison(failFast);
    try {
      await body(comparison);
    } catch (error) {
      if (!(error instanceof FirstDifference)) throw error;
    }
    return comparison.#finding();
  }

  add(what: string, a: Numbers, b: Numbers): void {
    const difference = compareBits(a, b);
    this.#sum = addDifferences(this.#sum, difference);
    if (difference.differing > 0) {
      this.#problem ??= `${what}: ${difference.differing} of ${difference.count} numbers, max diff ${difference.maxDiff}`;
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
  async addRows(what: string, a: GateSequence, b: GateSequence): Promise<void> {
    for (const kind of ['logits', 'hidden'] as const) {
      this.add(`${what}, ${kind}`, await a.rows(kind), await b.rows(kind));
    }
  }

  #finding(): Finding {
    const { count, differing, bits, maxDiff } = this.#sum;
    if (count === 0) throw new Error('A case compared nothing.');
    return {
      passed: differing === 0,
      // JSON has no Infinity.
      figures: { compared: count, differing, differing_bits: bits, max_diff: Math.min(maxDiff, Number.MAX_VALUE) },
      problem: this.#problem,
    };
  }
}

/** Figures of a gate of bits: sums, and the largest difference (0.0 when no bit differs). */
export function sumOfBits(figures: readonly Figures[]): Figures {
  const sum = (name: string) => figures.reduce((total, figure) => total + Number(figure[name]), 0);
  return {
    compared: sum('compared'),
    differing: sum('differing'),
    differing_bits: sum('differing_bits'),
    max_diff: Math.max(0, ...figures.map(({ max_diff: found }) => Number(found))),
  };
}
