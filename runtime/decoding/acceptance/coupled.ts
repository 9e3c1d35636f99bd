import { drawGumbel } from '../distribution.ts';
import type { AcceptanceRule, Verdict } from './rule.ts';

/**
 * The target row's own draw decides, with noise keyed by (seed, position, token): a draft is accepted when it equals
 * what plain decoding would draw there. So the text depends on the seed alone, not on drafts or depth.
 */
export const coupled: AcceptanceRule = (drafts, rows, position, uniforms) =>
  compare(
    Int32Array.from(drafts, ({ token }) => token),
    (row) => drawGumbel(rows[row]!, position + row, uniforms),
  );

/** Accepts drafts as long as they equal the target's draw of their row; the first other draw is the target's token. */
export function compare(drafts: Int32Array, draw: (row: number) => number): Verdict {
  for (const [row, draft] of drafts.entries()) {
    const token = draw(row);
    if (token !== draft) {
      return { accepted: row, token, kind: 'correction' };
    }
  }
  return { accepted: drafts.length, token: draw(drafts.length), kind: 'bonus' };
}
