import { type DecodingOptions, type DecodingTarget, decode } from '../../runtime/decoding/cycle.ts';
import { Tally } from '../../runtime/decoding/tally.ts';
import type { GateInput } from './gate.ts';

/** Options of a gate's text; what is left out follows from the model. */
export type TextOptions = Pick<
  DecodingOptions,
  'sampler' | 'draftSampler' | 'acceptance' | 'key' | 'depth' | 'maxTokens'
>;

/** Stands between the loop and the engine; a mutation puts a bug there. */
export type Wrap = (target: DecodingTarget, options: TextOptions) => DecodingTarget;

/** Tokens of the text that every gate's generation continues. */
export const promptTokens = 64;

/** Continues the beginning of the gates' text through the production loop, stop tokens ignored. */
export async function decoded(
  { model, tokens }: GateInput,
  options: TextOptions,
  wrap: Wrap = (target) => target,
): Promise<{ ids: number[]; tally: Tally }> {
  await using sequence = await model.createSequence({ mtp: options.depth > 0 });
  const prompt = tokens.slice(0, promptTokens);
  const { vocabSize } = model.request.spec;
  const ids: number[] = [];
  const tally = new Tally();
  for await (const step of decode(wrap(sequence, options), prompt, 0, { ...options, stopIds: new Set(), vocabSize })) {
    ids.push(...step.tokens);
    tally.add(step.tokens.length, step.cycle);
  }
  return { ids, tally };
}
