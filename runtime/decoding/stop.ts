/**
 * Finds stop strings in streamed text, across the borders of its pieces. The one that is complete first ends the text
 * (of those that end together the longest), so that the outcome does not depend on how the text was cut.
 */
export class StopStrings {
  readonly #stops: string[];
  #held = '';
  #found: string | null = null;

  constructor(stops: readonly string[]) {
    this.#stops = stops.filter((stop) => stop.length > 0);
  }

  /** The stop string that ended the text, or null. */
  get found(): string | null {
    return this.#found;
  }

  /** Text that may be shown now. What could be the beginning of a stop string is held back. */
  push(text: string): string {
    if (this.#found !== null) {
      return '';
    }
    const all = this.#held + text;
    let first: { start: number; end: number; stop: string } | null = null;
    for (const stop of this.#stops) {
      const start = all.indexOf(stop);
      const end = start + stop.length;
      if (start >= 0 && (first === null || end < first.end || (end === first.end && start < first.start))) {
        first = { start, end, stop };
      }
    }
    if (first !== null) {
      this.#held = '';
      this.#found = first.stop;
      return all.slice(0, first.start);
    }
    const hold = this.#holdBack(all);
    this.#held = all.slice(all.length - hold);
    return all.slice(0, all.length - hold);
  }

  /** What is still held back when the text has ended. */
  flush(): string {
    const rest = this.#held;
    this.#held = '';
    return this.#found === null ? rest : '';
  }

  #holdBack(text: string): number {
    let longest = 0;
    for (const stop of this.#stops) {
      for (let n = Math.min(stop.length - 1, text.length); n > longest; n--) {
        if (text.endsWith(stop.slice(0, n))) {
          longest = n;
        }
      }
    }
    return longest;
  }
}
