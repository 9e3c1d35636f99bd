/** Share of an interval between its breakpoint and the point that is run. */
const margin = 1e-6;

/**
 * Walks all values of a run's random numbers: each is cut into intervals, and one point of each interval is run. The
 * point lies close to a breakpoint, so that a decision which turns anywhere else is seen.
 */
export class Enumeration {
  /** Interval taken and intervals there are, for each number in the order of asking. */
  readonly #path: { at: number; count: number }[] = [];
  #depth = 0;
  /** Product of the lengths of the intervals taken: the probability of this run. */
  weight = 1;

  /** A point of the next interval between the breakpoints; those outside (0, 1) cut nothing. */
  choose(breakpoints: readonly number[]): number {
    const cuts = breakpoints.filter((x) => x > 0 && x < 1).toSorted((a, b) => a - b);
    const edges = [0, ...cuts.filter((x, i) => x !== cuts[i - 1]), 1];
    const step = (this.#path[this.#depth] ??= { at: 0, count: edges.length - 1 });
    if (step.count !== edges.length - 1) throw new Error('A run asked differently than the one before it.');
    this.#depth++;
    const low = edges[step.at]!;
    const high = edges[step.at + 1]!;
    this.weight *= high - low;
    const length = high - low;
    if (length < margin || step.count === 1) return (low + high) / 2;
    const parity = this.#path.slice(0, this.#depth).reduce((sum, { at }) => sum + at, 0) % 2;
    const atHigh = step.at === 0 || (step.at < step.count - 1 && parity === 0);
    return atHigh ? high - margin * length : low + margin * length;
  }

  /** Goes to the next path; false after the last one. */
  next(): boolean {
    while (this.#path.length > 0 && this.#path.at(-1)!.at + 1 === this.#path.at(-1)!.count) this.#path.pop();
    if (this.#path.length === 0) return false;
    this.#path.at(-1)!.at++;
    this.#depth = 0;
    this.weight = 1;
    return true;
  }
}
