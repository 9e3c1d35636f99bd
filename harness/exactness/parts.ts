import type { CycleResult } from '../../runtime/engine/types.ts';
import type { Entry } from './engine.ts';

/** What a batch's result says of one entry. */
export function partOf(result: CycleResult, entries: Entry[], index: number): Omit<CycleResult, 'times'> {
  const before = entries.slice(0, index);
  const sum = (numbers: Iterable<number>) => [...numbers].reduce((a, b) => a + b, 0);
  const own = entries[index]!;
  const draft = sum(before.map(({ depth }) => depth));
  const support = sum(result.draftCounts.subarray(0, draft));
  const draftCounts = result.draftCounts.subarray(draft, draft + own.depth);
  const candidate = sum(before.map((e) => logitsRows(e) * e.candidates.count));
  const row = sum(before.map(logitsRows));
  const drawn = sum(before.map((e) => (e.draw ? logitsRows(e) : 0)));
  const rows = logitsRows(own);
  const candidates = rows * own.candidates.count;
  return {
    draftCounts,
    draftTokens: result.draftTokens.subarray(draft, draft + own.depth),
    draftIds: result.draftIds.subarray(support, support + sum(draftCounts)),
    draftProbabilities: result.draftProbabilities.subarray(support, support + sum(draftCounts)),
    ids: result.ids.subarray(candidate, candidate + candidates),
    logits: result.logits.subarray(candidate, candidate + candidates),
    logSums: result.logSums.subarray(2 * row, 2 * (row + rows)),
    drawn: result.drawn.subarray(drawn, drawn + (own.draw ? rows : 0)),
  };
}

function logitsRows({ logits, tokens, depth }: Entry): number {
  return { none: 0, last: 1, all: tokens.length + depth }[logits];
}
