import type { CycleResult } from '../engine/types.ts';
import { compare } from './acceptance/coupled.ts';
import type { AcceptanceRule, Draft, Verdict } from './acceptance/rule.ts';
import { type Distribution, distributions } from './distribution.ts';
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
  const { draftTokens, draftCounts, draftIds, draftProbabilities } = result;
  const list: Draft[] = [];
  let at = 0;
  for (let i = 0; i < draftTokens.length; i++) {
    const end = at + draftCounts[i]!;
    const q = { ids: draftIds.subarray(at, end), probabilities: draftProbabilities.subarray(at, end) };
    list.push({ token: draftTokens[i]!, q });
    at = end;
  }
  return list;
}

function targetRows(result: CycleResult, options: DecodingOptions): Distribution[] {
  const depth = result.draftTokens.length;
  const width = candidateCount(options, depth);
  return distributions(result, width, depth + 1, options.sampler);
}
