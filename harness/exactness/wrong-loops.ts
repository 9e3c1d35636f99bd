import type { DecodingTarget } from '../../runtime/decoding/cycle.ts';
import { type Distribution, distribution, drawGumbel } from '../../runtime/decoding/distribution.ts';
import { uniformsOf } from '../../runtime/decoding/random.ts';
import type { CycleEntry, CycleResult } from '../../runtime/engine/types.ts';
import type { TextOptions, Wrap } from './decoded.ts';

/** Bugs of a decoding loop, put between the loop and the engine. */

/** Rows of a result, each replaced by the one token that `choose` gives. */
function choosing(
  target: DecodingTarget,
  choose: (row: number, entry: Omit<CycleEntry, 'sequence'>, result: CycleResult) => number,
): DecodingTarget {
  return {
    commit: (keep) => target.commit(keep),
    async cycle(entry) {
      const result = await target.cycle(entry);
      const changed = {
        ...result,
        ids: result.ids.slice(),
        logits: result.logits.slice(),
        logSums: result.logSums.slice(),
        drawn: result.drawn.slice(),
      };
      const width = entry.candidates.count;
      for (let row = 0; row < entry.depth; row++) {
        const token = choose(row, entry, result);
        changed.ids[row * width] = token;
        changed.logits.fill(-Infinity, row * width, (row + 1) * width);
        changed.logits[row * width] = 0;
        changed.logSums.fill(0, 2 * row, 2 * row + 2);
        if (changed.drawn.length > 0) changed.drawn[row] = token;
      }
      return changed;
    },
  };
}

/** Drafts are accepted without a look at the target's rows. */
export const ownSay: Wrap = (target) => choosing(target, (row, _, { draftTokens }) => draftTokens[row]!);

/** Noise of the target's draws keyed by the row in the cycle in place of the position in the text. */
export const noiseByRow: Wrap = (target, { sampler, key }: TextOptions) =>
  choosing(target, (row, { candidates: { count } }, { ids, logits, logSums }) => {
    const given = {
      ids: ids.subarray(row * count, (row + 1) * count),
      logits: logits.subarray(row * count, (row + 1) * count),
    };
    const p: Distribution = distribution({ ...given, logSum: logSums[2 * row + 1]! }, sampler);
    return drawGumbel(p, row, uniformsOf(key));
  });

/** A refused draft becomes history in place of being dropped. */
export function keepsOneMore(target: DecodingTarget): DecodingTarget {
  let rows = 0;
  const more = (keep: number) => Math.min(keep + 1, rows);
  return {
    commit: (keep) => target.commit(more(keep)),
    async cycle(entry) {
      const result = await target.cycle({ ...entry, keep: more(entry.keep) });
      rows = entry.commits ? 0 : entry.tokens.length + entry.depth;
      return result;
    },
  };
}
