import { drawGumbel } from '../distribution.ts';
import type { AcceptanceRule } from './rule.ts';

/**
 * The target row's own draw decides, with noise keyed by (seed, position, token): a draft is accepted when it equals
 * what plain decoding would draw there. So the text depends on the seed alone, not on drafts or depth.
 */
export const coupled: AcceptanceRule = (drafts, rows, key, position) => {
  for (const [r, row] of rows.entries()) {
    const token = drawGumbel(row, key, position + r);
    if (token !== drafts[r]?.token) {
      return { accepted: r, token, kind: r < drafts.length ? 'correction' : 'bonus' };
    }
  }
  throw new RangeError('A verification has one row more than drafts.');
};
