import type { CycleRecord, DepthChange, DepthPolicy } from '../options.ts';
import {
  type DepthStart,
  type DepthState,
  draftsDue,
  expectedRates,
  initialDepthState,
  observe,
  observePlain,
} from './controller.ts';

/** Chooses the depth for all generations of a loaded model: what one shows, the next begins with. */
export class DepthController {
  readonly start: DepthStart;
  #state: DepthState;

  constructor(start: DepthStart) {
    this.start = start;
    this.#state = initialDepthState(start);
  }

  get state(): DepthState {
    return this.#state;
  }

  /** The policy of one generation of at most `maxTokens`. */
  begin(maxTokens: number): AdaptiveDepth {
    return new AdaptiveDepth(this, draftsDue(this.#state, maxTokens));
  }

  /** For AdaptiveDepth alone. */
  advance(next: (state: DepthState) => DepthState): void {
    this.#state = next(this.#state);
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
    return this.drafts ? this.#controller.state.depth : 0;
  }

  observe({ drafted, accepted, wall }: Pick<CycleRecord, 'drafted' | 'accepted' | 'wall'>): void {
    const before = this.#controller.state;
    const catchesUp = this.#drafted === null || (drafted > 0 && this.#drafted === 0);
    const step = this.drafts ? observe : observePlain;
    this.#controller.advance((state) => step(state, { drafted, accepted, wall, catchesUp }));
    this.#drafted = drafted;
    this.#cycles += 1;
    const { depth: to, reason } = this.#controller.state;
    if (to === before.depth) return;
    const rates = expectedRates(this.#controller.state);
    const expected: DepthChange['expected'] = [rates[before.depth]!, rates[to]!];
    this.changes.push({ cycle: this.#cycles + 1, from: before.depth, to, reason, expected });
  }
}
