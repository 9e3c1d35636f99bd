import type { Filter } from '../../runtime/engine/types.ts';
import { decoded, type Wrap } from './decoded.ts';
import { Comparison, type Gate, type GateInput, type GateReport } from './gate.ts';

const depths = [1, 3, 5];
const newTokens = 600;
/** The last one has no top-k: there the engine draws each row itself. */
export const samplers: Filter[] = [
  { temperature: 0, topP: 1, topK: 1 },
  { temperature: 0.6, topP: 0.95, topK: 20 },
  { temperature: 1, topP: 1, topK: 0 },
];

/** Coupled texts of `tokens` ids with drafts against plain decoding, under each sampler. */
export async function compareTexts(
  input: GateInput,
  { tokens = newTokens, wrap }: { tokens?: number; wrap?: Wrap } = {},
  of: Filter[] = samplers,
): Promise<GateReport> {
  return Comparison.of('identity', input, async (comparison) => {
    for (const sampler of of) {
      const options = {
        sampler,
        draftSampler: sampler,
        acceptance: 'coupled',
        key: { seed: 1n, choice: 0 },
        maxTokens: tokens,
      } as const;
      const plain = await decoded(input, { ...options, depth: 0 });
      for (const depth of depths) {
        const { ids, tally } = await decoded(input, { ...options, depth }, wrap);
        comparison.addIds(`T ${sampler.temperature}, depth ${depth}`, plain.ids, ids);
        // Texts without an accepted and a refused draft would be equal for nothing.
        const { accepted, corrections } = tally.counts;
        comparison.addIds(
          `T ${sampler.temperature}, depth ${depth}: kinds of cycles`,
          [1, 1],
          [Number(accepted > 0), Number(corrections > 0)],
        );
      }
    }
  });
}

/** The same seed gives the same text with drafts, without drafts, and at every depth. */
export const identity: Gate = {
  name: 'identity',
  claim: `${newTokens} coupled tokens with depth ${depths.join(', ')} equal plain decoding at T = 0, 0.6 and 1`,
  run: (input) => compareTexts(input),
};
