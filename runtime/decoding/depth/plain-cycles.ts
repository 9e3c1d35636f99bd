import { type DepthState, learned, observePlain, plainCyclesLeft, settled } from './controller.ts';

const most = 16;

/**
 * Plain cycles that the controller has not seen yet. One of them hardly changes what it believes, and one by one they
 * would cost 1 % of a fast step: it takes them together, at the latest when a probe is due.
 */
export class PlainCycles {
  readonly #walls = new Float64Array(most);
  #count = 0;
  /** Whether they are of a sequence that may draft. */
  #drafts = false;

  /** Keeps a cycle; false for one that must be seen now, after those that wait. */
  add(state: DepthState, drafts: boolean, wall: number): boolean {
    const other = this.#count > 0 && drafts !== this.#drafts;
    const due = drafts && this.#count + 1 >= plainCyclesLeft(state);
    if (state.depth > 0 || state.probe !== null || other || due || this.#count === most) return false;
    this.#drafts = drafts;
    this.#walls[this.#count++] = wall;
    return true;
  }

  /** The state after all that waited. */
  take(before: DepthState): DepthState {
    if (this.#count === 0) return before;
    const step = this.#drafts ? learned : observePlain;
    let state = before;
    for (let i = 0; i < this.#count; i++)
      state = step(state, { drafted: 0, accepted: 0, wall: this.#walls[i]!, catchesUp: false });
    this.#count = 0;
    return this.#drafts ? settled(state) : state;
  }
}
