import { type Distribution, distribution, drawUniform, probability } from '../../../runtime/decoding/distribution.ts';
import { purposes } from '../../../runtime/decoding/random.ts';
import { exactParts } from '../../../runtime/decoding/testing/rule-of.ts';
import type { Capture, DraftRow, TargetRow } from './capture.ts';
import { type Mutation, reportedQ } from './mutations.ts';

/** Intervals of the numbers that a run has asked for so far, by the site's name. */
type Numbers = ReadonlyMap<string, readonly [number, number]>;

/** Probabilities of the pairs of tokens, by `t1,t2`, and of a run that ends in an error. */
export interface PairLaw {
  pairs: Map<string, number>;
  errors: number;
}

/**
 * The law of the first two tokens that a cycle after the capture's place decides, by exact integration over its
 * numbers: each number's interval is cut where a decision turns, and shared numbers are cut further by each user.
 */
export function pairLaw(place: Capture, mutation: Mutation): PairLaw {
  return new Integration(place, mutation).law();
}

/** Largest u in [0, 1] below which a decision that falls with u accepts. */
export function threshold(accepts: (u: number) => boolean): number {
  if (accepts(1 - 2 ** -53)) return 1;
  let low = 0;
  let high = 1;
  while (true) {
    const middle = (low + high) / 2;
    if (middle === low || middle === high) return accepts(middle) ? high : low;
    if (accepts(middle)) low = middle;
    else high = middle;
  }
}

/** Where an inverse-CDF draw turns. */
function cuts({ probabilities }: Distribution): number[] {
  let sum = 0;
  return [...probabilities].map((p) => (sum += p));
}

class Integration {
  readonly #place: Capture;
  readonly #mutation: Mutation;
  readonly #pairs = new Map<string, number>();
  #errors = 0;

  constructor(place: Capture, mutation: Mutation) {
    this.#place = place;
    this.#mutation = mutation;
  }

  law(): PairLaw {
    const { p, q, drafted, emitted } = this.#place;
    this.#use(new Map(), 1, [0, purposes.draft, 0], cuts(q.q), (u, numbers, weight) => {
      const first = drawUniform(q.q, u);
      const second = drafted.get(first)!;
      this.#decide(numbers, weight, 0, first, q, [p, second.p], 0, (accepted, t1, rest, mass) => {
        if (accepted) {
          this.#use(rest, mass, [1, purposes.draft, 1], cuts(second.q.q), (v, more, share) => {
            const draft = drawUniform(second.q.q, v);
            this.#decide(more, share, 1, draft, second.q, [p, second.p], 1, (_, t2, _n, w) => this.#add(t1, t2, w));
          });
          return;
        }
        const next = emitted.get(t1);
        // Outside p's support no second token is asked for.
        if (next === undefined) this.#add(t1, -1, mass);
        else
          this.#use(rest, mass, [1, purposes.draft, 0], cuts(next.q.q), (v, more, share) => {
            const draft = drawUniform(next.q.q, v);
            this.#decide(more, share, 1, draft, next.q, [next.p], 0, (_, t2, _n, w) => this.#add(t1, t2, w));
          });
      });
    });
    return { pairs: this.#pairs, errors: this.#errors };
  }

  #add(t1: number, t2: number, weight: number): void {
    const key = `${t1},${t2}`;
    this.#pairs.set(key, (this.#pairs.get(key) ?? 0) + weight);
  }

  /** One draft of row `row` at `position`: accepted, or a token of the residual. */
  #decide(
    numbers: Numbers,
    weight: number,
    position: number,
    draft: number,
    drawn: DraftRow,
    rows: TargetRow[],
    row: number,
    then: (accepted: boolean, token: number, numbers: Numbers, weight: number) => void,
  ): void {
    const { rule, reports } = this.#mutation;
    const { accept, rest } = { ...exactParts, ...rule };
    const p = believed(this.#mutation, rows[reports.row?.(row, 3) ?? row] ?? rows[row]!);
    const q = reportedQ(this.#mutation, drawn);
    const [pd, qd] = [probability(p, draft), probability(q, draft)];
    if (rule.accept === undefined && qd === 0) {
      this.#errors += weight;
      return;
    }
    const limit = threshold((u) => accept(u, pd, qd, draft, p));
    this.#use(numbers, weight, [position, purposes.accept, 0], [limit], (u, more, share) => {
      if (u < limit) then(true, draft, more, share);
      else {
        const left = rest(p, q);
        this.#use(more, share, [position, purposes.residual, 0], cuts(left), (v, last, w) =>
          then(false, drawUniform(left, v), last, w),
        );
      }
    });
  }

  /** Splits the number of a site where `points` lie in its interval, and goes on with each part. */
  #use(
    numbers: Numbers,
    weight: number,
    [position, purpose, word]: Parameters<Mutation['site']>,
    points: readonly number[],
    then: (u: number, numbers: Numbers, weight: number) => void,
  ): void {
    const name = this.#mutation.site(position, purpose, word);
    const [low, high] = numbers.get(name) ?? [0, 1];
    const edges = [low, ...points.filter((x) => x > low && x < high).toSorted((a, b) => a - b), high];
    for (let i = 1; i < edges.length; i++) {
      const [a, b] = [edges[i - 1]!, edges[i]!];
      if (b > a) then((a + b) / 2, new Map([...numbers, [name, [a, b]]]), (weight * (b - a)) / (high - low));
    }
  }
}

/** The target's distribution as the sampler computes it from what is reported. */
export function believed({ reports, sampler }: Mutation, { ids, logits, logSums }: TargetRow): Distribution {
  const exact = { ids, logits, logSum: sampler.temperature === 1 ? logSums[0] : logSums[1] };
  return distribution(reports.candidates?.(exact, sampler.temperature) ?? exact, sampler);
}
