import type { Distribution } from '../distribution.ts';
import type { Uniforms } from '../random.ts';

export type AcceptanceName = 'leviathan' | 'coupled';

/** One draft and the distribution that it was drawn from, as the engine reports it. */
export interface Draft {
  token: number;
  q: Distribution;
}

/** The outcome of one verification. */
export interface Verdict {
  /** Leading drafts that are accepted. */
  accepted: number;
  /** The target's own token after them. */
  token: number;
  /** correction: in the place of the first refused draft; bonus: after all drafts. */
  kind: 'correction' | 'bonus';
}

/**
 * Decides K drafts with K + 1 target rows. `position` is the absolute position of the first draft; row r is the
 * distribution of the token at position + r. Every decision takes a number of its own from `uniforms`.
 */
export type AcceptanceRule = (
  drafts: readonly Draft[],
  rows: readonly Distribution[],
  position: number,
  uniforms: Uniforms,
) => Verdict;
