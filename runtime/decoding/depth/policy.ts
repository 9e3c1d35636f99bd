import type { CycleRecord, DepthChange, DepthPolicy } from '../options.ts';
import {
  type DepthObservation,
  type DepthStart,
  type DepthState,
  draftsDue,
  expectedRates,
  initialDepthState,
  observe,
  observePlain,
} from './controller.ts';
import { PlainCycles } from './plain-cycles.ts';

/** Chooses the depth for all generations of a loaded model: what one shows, the next begins with. */
export class DepthController {
  readonly start: DepthStart;
  readonly #waiting = new PlainCycles();
  #state: DepthState;

  constructor(start: DepthStart) {
    this.start = start;
    this.#state = initialDepthState(start);
  }

  /** Everything that was seen. */
  get state(): DepthState {
    return (this.#state = this.#waiting.take(this.#state));
  }

  /** The policy of one generation of at most `maxTokens`. */
  begin(maxTokens: number): AdaptiveDepth {
    return new AdaptiveDepth(this, draftsDue(this.state, maxTokens));
  }

  /** Drafts of the next cycle. For AdaptiveDepth alone, as `learn`. */
  get depth(): number {
    return this.#state.depth;
  }

  /** A cycle of a sequence that may draft or may not. */
  learn(drafts: boolean, cycle: DepthObservation): void {
    const plain = cycle.drafted === 0 && !cycle.catchesUp;
    if (plain && this.#waiting.add(this.#state, drafts, cycle.wall)) return;
    this.#state = (drafts ? observe : observePlain)(this.state, cycle);
  }
}

/** The depth of one generation's cycles. */
export class AdaptiveDepth implements DepthPolicy {
  readonly drafts: boolean;
  readonly changes: DepthChange[] = [];
  readonly #controller: DepthController;
  #cycles = 0;
  /** Drafts of the cycle before; null before the first. */
  #drafted: number | null = null;

  constructor(controller: DepthController, drafts: boolean) {
    this.#controller = controller;
    this.drafts = drafts;
  }

  get depth(): number {
    return this.drafts ? this.#controller.depth : 0;
  }

  observe({ drafted, accepted, wall }: Pick<CycleRecord, 'drafted' | 'accepted' | 'wall'>): void {
    const from = this.#controller.depth;
    const catchesUp = this.#drafted === null || (drafted > 0 && this.#drafted === 0);
    this.#controller.learn(this.drafts, { drafted, accepted, wall, catchesUp });
    this.#drafted = drafted;
    this.#cycles += 1;
    const to = this.#controller.depth;
    if (to === from) return;
    const { state } = this.#controller;
    const rates = expectedRates(state);
    const expected: DepthChange['expected'] = [rates[from]!, rates[to]!];
    this.changes.push({ cycle: this.#cycles + 1, from, to, reason: state.reason, expected });
  }
}
