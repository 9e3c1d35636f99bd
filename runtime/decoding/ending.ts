import type { DecodingOptions, FinishReason } from './options.ts';

/** Cuts a run of decided tokens after the one that ends the text; `left` are the tokens that the limit still allows. */
export function cutAtEnd(
  tokens: readonly number[],
  left: number,
  { stopIds, stopAfter }: DecodingOptions,
): { tokens: number[]; finish: FinishReason | null } {
  const count = Math.min(tokens.length, left);
  for (let i = 0; i < count; i++) {
    const token = tokens[i]!;
    const stopped = stopAfter?.(token) ?? false;
    if (stopped || stopIds.has(token)) {
      return { tokens: tokens.slice(0, i + 1), finish: 'stop' };
    }
  }
  return { tokens: tokens.slice(0, left), finish: tokens.length >= left ? 'length' : null };
}
