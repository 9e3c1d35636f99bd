import type { Filter } from '../../runtime/engine/types.ts';
import { Comparison, sumOfBits } from './comparison.ts';
import { decoded, decodedTogether, promptTokens, type Wrap } from './decoded.ts';
import type { Finding, Gate, GateContext } from './gate.ts';
import { keepsOneMore } from './wrong-loops.ts';

/** Temperatures with filters and without; without top-k the engine draws each row itself. Greedy draws are not cut. */
export const samplers: Record<string, Filter> = {
  'T 0': { temperature: 0, topP: 1, topK: 1 },
  'T 0.6': { temperature: 0.6, topP: 0.95, topK: 20 },
  'T 0.6, no filters': { temperature: 0.6, topP: 1, topK: 0 },
  'T 1': { temperature: 1, topP: 0.95, topK: 20 },
  'T 1, no filters': { temperature: 1, topP: 1, topK: 0 },
};
const controlTokens = 48;

/** The same seed gives the same text with drafts, without drafts, and at every depth. */
export const identity: Gate = {
  name: 'identity',
  claim: 'coupled texts equal plain decoding at T = 0, 0.6 and 1, with filters and without, at every depth',
  control: 'a loop in which one refused draft becomes history',
  absent: ({ mtp }) => (mtp ? null : 'the model has no MTP head'),
  cases: (scale) => [
    ...Object.entries(samplers).flatMap(([name, sampler]) =>
      Array.from({ length: scale.identity_texts }, (_, text) => ({
        key: `${name}, text ${text + 1}`,
        control: false,
        cost: {
          prefill: promptTokens * (1 + scale.identity_depths.length),
          steps: scale.identity_tokens * (1 + (text === 0 ? 0.6 : 0.45) * scale.identity_depths.length),
        },
        run: (context: GateContext) =>
          compareTexts(context, sampler, {
            text,
            tokens: scale.identity_tokens,
            depths: scale.identity_depths,
            // The first text as a user decodes it; what is decoded beside a text must not matter to it either.
            together: text > 0,
          }),
      })),
    ),
    ...Object.entries(samplers).map(([name, sampler]) => ({
      key: `control, ${name}`,
      control: true,
      cost: { prefill: 2 * promptTokens, steps: 1.6 * controlTokens },
      run: (context: GateContext) =>
        compareTexts(context, sampler, { text: 0, tokens: controlTokens, depths: [3], wrap: keepsOneMore }),
    })),
  ],
  summarise: (figures) => {
    const { compared, differing } = sumOfBits(figures);
    return { tokens: compared!, differing: differing!, settings: figures.length };
  },
};

interface TextCase {
  text: number;
  tokens: number;
  depths: readonly number[];
  /** All depths side by side in ragged batches, in place of one after the other. */
  together?: boolean;
  /** Of texts that are decoded one after the other. */
  wrap?: Wrap;
}

/** One text of `tokens` ids under a sampler, with drafts of each depth against plain decoding. */
export async function compareTexts(
  context: Pick<GateContext, 'engine' | 'tokens' | 'failFast'>,
  sampler: Filter,
  { text, tokens, depths, together = false, wrap }: TextCase,
): Promise<Finding> {
  return Comparison.of(context, async (comparison) => {
    const options = {
      sampler,
      draftSampler: sampler,
      acceptance: 'coupled',
      key: { seed: BigInt(text + 1), choice: 0 },
      maxTokens: tokens,
    } as const;
    const begin = text * promptTokens;
    const plain = await decoded(context, { ...options, depth: 0 }, { begin });
    const beside = together
      ? await decodedTogether(
          context,
          depths.map((depth) => ({ ...options, depth })),
          begin,
        )
      : null;
    for (const [i, depth] of depths.entries()) {
      const { ids, tally } = beside?.[i] ?? (await decoded(context, { ...options, depth }, { begin, wrap }));
      comparison.addIds(`depth ${depth}`, plain.ids, ids);
      // Texts without an accepted and a refused draft would be equal for nothing.
      const { accepted, corrections } = tally.counts;
      comparison.addIds(`depth ${depth}: kinds of cycles`, [1, 1], [Number(accepted > 0), Number(corrections > 0)]);
    }
  });
}
