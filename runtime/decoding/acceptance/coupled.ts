import { drawGumbel } from '../distribution.ts';
import type { AcceptanceRule, Verdict } from './rule.ts';

/**
 * The target row's own draw decides, with noise keyed by (seed, position, token): a draft is accepted when it equals
 * what plain decoding would draw there. So the text depends on the seed alone, not on drafts or depth.
 */
export const coupled: AcceptanceRule = (drafts, rows, position, uniforms) =>
  compare(
    drafts.map(({ token }) => token),
    (row) => drawGumbel(rows[row]!, position + row, uniforms),
  );

/** Accepts drafts as long as they equal the target's draw of their row; the first other draw is the target's token. */
export function compare(drafts: ArrayLike<number>, draw: (row: number) => number): Verdict {
  for (let row = 0; row < drafts.length; row++) {
    const token = draw(row);
    if (token !== drafts[row]) {
      return { accepted: row, token, kind: 'correction' };
    }
  }
  return { accepted: drafts.length, token: draw(drafts.length), kind: 'bonus' };
}
