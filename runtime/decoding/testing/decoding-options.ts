import type { DecodingOptions } from '../options.ts';

/** Options of a test; what is not given is plain. */
export function decodingOptions(change: Partial<DecodingOptions> = {}): DecodingOptions {
  const plain = { temperature: 1, topP: 1, topK: 0 };
  return {
    sampler: plain,
    draftSampler: plain,
    acceptance: 'leviathan',
    key: { seed: 1n, choice: 0 },
    depth: 1,
    maxTokens: 2,
    stopIds: new Set(),
    vocabSize: 3,
    ...change,
  };
}
