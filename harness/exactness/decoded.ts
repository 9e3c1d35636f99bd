import { type DecodingOptions, type DecodingTarget, decode } from '../../runtime/decoding/cycle.ts';
import { Tally } from '../../runtime/decoding/tally.ts';
import type { GateSequence } from './engine.ts';
import type { GateContext } from './gate.ts';
import { sideBySide } from './together.ts';

/** Options of a gate's text; what is left out follows from the model. */
export type TextOptions = Pick<
  DecodingOptions,
  'sampler' | 'draftSampler' | 'acceptance' | 'key' | 'depth' | 'maxTokens'
>;

/** Stands between the loop and the engine; a mutation puts a bug there. */
export type Wrap = (target: GateSequence, options: TextOptions) => DecodingTarget;

/** Tokens of the text that a gate's generation continues. */
export const promptTokens = 64;

export interface Decoded {
  ids: number[];
  tally: Tally;
}

/** Continues `promptTokens` of the gates' text from `begin` through the production loop, stop tokens ignored. */
export async function decoded(
  { engine, tokens }: Pick<GateContext, 'engine' | 'tokens'>,
  options: TextOptions,
  { begin = 0, wrap = (target) => target }: { begin?: number; wrap?: Wrap | undefined } = {},
): Promise<Decoded> {
  const sequence = await engine.createSequence({ mtp: options.depth > 0 });
  try {
    const prompt = tokens.slice(begin, begin + promptTokens);
    const { vocabSize } = engine.spec;
    const ids: number[] = [];
    const tally = new Tally();
    for await (const step of decode(wrap(sequence, options), prompt, 0, {
      ...options,
      stopIds: new Set(),
      vocabSize,
    })) {
      ids.push(...step.tokens);
      tally.add(step.tokens.length, step.cycle);
    }
    return { ids, tally };
  } finally {
    await sequence.dispose();
  }
}

/** What `decoded` makes one after the other, made side by side in ragged batches. */
export async function decodedTogether(
  context: Pick<GateContext, 'engine' | 'tokens'>,
  all: readonly TextOptions[],
  begin: number,
): Promise<Decoded[]> {
  return sideBySide(
    context.engine,
    all.map((options) => (seat) => decoded(context, options, { begin, wrap: seat })),
  );
}
