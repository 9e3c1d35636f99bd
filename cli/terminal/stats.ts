import type { DepthChange, Generation, Model } from '../../runtime/index.ts';

/** A long text changes its depth often: so many changes from its end are shown. */
const shownChanges = 8;

const startText = { tuned: 'tuned here', contract: "the model's contract", default: 'not tuned' };
const reasonText = { start: 'start', faster: 'faster', probe: 'probe', return: 'probe over' };

/** What a finished generation shows with --stats, and gives with --json. `start`: where automatic depth began. */
export function generationStats(
  generation: Pick<Generation, 'tally' | 'decoding' | 'promptTokens' | 'ttftMs' | 'tokensPerSecond'>,
  start: Model['depthStart'],
): { lines: string[]; json: object } {
  const { tally, decoding, promptTokens, ttftMs, tokensPerSecond } = generation;
  const { counts, acceptedLength, acceptanceRate, acceptancePerStep, acceptanceConditional } = tally;
  const changes = decoding?.depthPolicy?.changes;
  const lines = [
    `${counts.emitted} tokens after ${promptTokens}: ${tokensPerSecond.toFixed(1)} tok/s decoding, first token after ${ttftMs.toFixed(0)} ms`,
    `Seed ${decoding?.key.seed}, depth ${changes ? 'auto' : decoding?.depth}, acceptance ${decoding?.acceptance}`,
  ];
  if (changes) lines.push(...depthLines(changes, tally.cyclesAt, start));
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
      depth: changes ? 'auto' : decoding?.depth,
      depth_start: changes ? start?.source : undefined,
      depth_changes: changes?.map(({ cycle, from, to, reason, expected }) => ({
        cycle,
        from,
        to,
        reason,
        expected_tok_s: expected,
      })),
      cycles_at_depth: tally.cyclesAt,
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

function depthLines(
  changes: readonly DepthChange[],
  cyclesAt: readonly number[],
  start: Model['depthStart'],
): string[] {
  const used = cyclesAt.flatMap((cycles, depth) => (cycles > 0 ? [`${cycles} at ${depth}`] : []));
  const lines = [`Depth auto (${start ? startText[start.source] : 'fixed'}), cycles: ${used.join(', ')}`];
  const hidden = Math.max(0, changes.length - shownChanges);
  if (hidden > 0) lines.push(`  ${hidden} earlier changes`);
  for (const { cycle, from, to, reason, expected } of changes.slice(hidden))
    lines.push(
      `  cycle ${cycle}: ${from} → ${to}, ${reasonText[reason]} (expected ${expected[0].toFixed(1)} → ${expected[1].toFixed(1)} tok/s)`,
    );
  return lines;
}
