/**
 * The public API.
 *
 *     import { loadModel } from 'mtplx';
 *     const model = await loadModel('./my-model');
 *     for await (const { text } of model.generate('def quicksort(')) process.stdout.write(text);
 *     await model.dispose();
 */
export { type LoadOptions, loadModel, Model, type Prompt } from './generation/model.ts';
export { Generation, type GenerationPart } from './generation/generation.ts';
export type { GenerateOptions } from './generation/options.ts';
export type { CycleRecord, DepthChange, DepthPolicy, FinishReason } from './decoding/cycle.ts';
export type { AcceptanceName } from './decoding/acceptance/rule.ts';
export { Tally, type TallyCounts } from './decoding/tally.ts';
export type { ChatMessage } from './model/chat-template.ts';
export { type ErrorCode, MtplxError } from './errors.ts';
export { type ConvertOptions, type ConvertResult, convertModel } from './model/convert.ts';
export { embeddedModel } from './model/embedded.ts';
export { type Tier, type TierDecision, tierOfFolder } from './model/tiers.ts';
export { version } from './package.ts';
