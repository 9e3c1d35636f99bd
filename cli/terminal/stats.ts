import type { Generation } from '../../runtime/index.ts';

/** What a finished generation shows with --stats, and gives with --json. */
export function generationStats(generation: Generation): { lines: string[]; json: object } {
  const { tally, decoding, promptTokens, ttftMs, tokensPerSecond } = generation;
  const { counts, acceptedLength, acceptanceRate, acceptancePerStep, acceptanceConditional } = tally;
  const lines = [
    `${counts.emitted} tokens after ${promptTokens}: ${tokensPerSecond.toFixed(1)} tok/s decoding, first token after ${ttftMs.toFixed(0)} ms`,
    `Seed ${decoding?.key.seed}, depth ${decoding?.depth}, acceptance ${decoding?.acceptance}`,
  ];
  if (counts.drafted > 0) {
    const percent = (rates: number[]): string => rates.map((rate) => `${(100 * rate).toFixed(0)} %`).join(', ');
    lines.push(
      `${counts.cycles} cycles, ${acceptedLength.toFixed(2)} tokens each; ${counts.accepted} of ${counts.drafted} drafts accepted`,
      `Accepted at position i / cycles: ${percent(acceptancePerStep)}; given the one before: ${percent(acceptanceConditional)}`,
    );
  }
  return {
    lines,
    json: {
      prompt_tokens: promptTokens,
      seed: decoding?.key.seed.toString(),
      depth: decoding?.depth,
      acceptance: decoding?.acceptance,
      sampler: decoding && {
        temperature: decoding.sampler.temperature,
        top_p: decoding.sampler.topP,
        top_k: decoding.sampler.topK,
      },
      tok_s: tokensPerSecond,
      ttft_ms: ttftMs,
      accepted_length: acceptedLength,
      acceptance_rate: acceptanceRate,
      acceptance_per_step: acceptancePerStep,
      acceptance_conditional: acceptanceConditional,
      counts: { ...counts, acceptedAt: undefined },
    },
  };
}
