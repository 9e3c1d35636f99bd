import type { CycleResult } from '../engine/types.ts';
import { compare } from './acceptance/coupled.ts';
import type { AcceptanceRule, Draft, Verdict } from './acceptance/rule.ts';
import { type Distribution, distribution } from './distribution.ts';
import type { DecodingOptions } from './options.ts';
import type { Uniforms } from './random.ts';
import { candidateCount, drawsNatively } from './request.ts';

/** Decides the drafts of a native call; without drafts its one target row gives a token, a bonus. `position` is that of row 0's token. */
export function decide(
  result: CycleResult,
  options: DecodingOptions,
  { rule, uniforms }: { rule: AcceptanceRule; uniforms: Uniforms },
  position: number,
): Verdict {
  const depth = result.draftTokens.length;
  return drawsNatively(options, depth)
    ? compare(result.draftTokens, (row) => result.drawn[row]!)
    : rule(drafts(result), targetRows(result, options), position, uniforms);
}

/** The drafts with the distributions that the engine drew them from: its own numbers, never computed again. */
function drafts(result: CycleResult): Draft[] {
  let at = 0;
  return Array.from(result.draftTokens, (token, i) => {
    const end = at + result.draftCounts[i]!;
    const q = { ids: result.draftIds.subarray(at, end), probabilities: result.draftProbabilities.subarray(at, end) };
    at = end;
    return { token, q };
  });
}

function targetRows(result: CycleResult, options: DecodingOptions): Distribution[] {
  const depth = result.draftTokens.length;
  const width = candidateCount(options, depth);
  return Array.from({ length: depth + 1 }, (_, r) => {
    const ids = result.ids.subarray(r * width, (r + 1) * width);
    const logits = result.logits.subarray(r * width, (r + 1) * width);
    return distribution({ ids, logits, logSum: result.logSums[2 * r + 1]! }, options.sampler);
  });
}
