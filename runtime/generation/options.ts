import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { AcceptanceName } from '../decoding/acceptance/rule.ts';
import type { DecodingOptions } from '../decoding/cycle.ts';
import type { DepthController } from '../decoding/depth/policy.ts';
import { MtplxError } from '../errors.ts';
import type { ModelFolder } from '../model/folder.ts';

/** What a caller may choose; everything has a default. */
export interface GenerateOptions {
  /** New tokens at most, at least 1. Default 512, or what the context leaves. */
  maxTokens?: number | undefined;
  /** Default: the checkpoint's generation_config.json, else 0.6. 0 is greedy. */
  temperature?: number | undefined;
  /** (0, 1]; applied after the temperature and before topK. Default: the checkpoint's, else 0.95. */
  topP?: number | undefined;
  /** 0: no cut. Default: the checkpoint's, else 20. */
  topK?: number | undefined;
  /** The same seed gives the same text; without one a random one is taken. */
  seed?: number | bigint | undefined;
  /**
   * Drafts a cycle, 0 … 8; 0 is plain decoding. `auto` (the default) chooses what gives the most tokens a second, cycle
   * by cycle. With a seed and leviathan the text depends on the depth: then the default is where `auto` would begin.
   */
  depth?: number | 'auto' | undefined;
  /** Default: `coupled` with a seed, else `leviathan`. */
  acceptance?: AcceptanceName | undefined;
  /** Text ends before the first of these; it is not part of the output. */
  stop?: readonly string[] | undefined;
  /** Go on after an end-of-sequence token. */
  ignoreStopTokens?: boolean | undefined;
  signal?: AbortSignal | undefined;
}

export const maxDepth = 8;
const defaultMaxTokens = 512;

const schema = z.strictObject({
  maxTokens: z.int().min(1).optional(),
  temperature: z.number().min(0).max(100).optional(),
  topP: z.number().gt(0).max(1).optional(),
  topK: z.int().min(0).optional(),
  seed: z
    .union([
      z.int().min(0),
      z
        .bigint()
        .min(0n)
        .max(2n ** 64n - 1n),
    ])
    .optional(),
  depth: z.union([z.literal('auto'), z.int().min(0).max(maxDepth)]).optional(),
  acceptance: z.enum(['leviathan', 'coupled']).optional(),
  stop: z.array(z.string().min(1)).readonly().optional(),
  ignoreStopTokens: z.boolean().optional(),
  signal: z.instanceof(AbortSignal).optional(),
});

/**
 * The decoding options of one generation. `controller` is the model's; null without an MTP head.
 * @throws MtplxError MTPLX_E_OPTION, MTPLX_E_NO_MTP (drafts asked of a model without head), MTPLX_E_PROMPT_TOO_LONG
 */
export function decodingOptions(
  folder: ModelFolder,
  promptTokens: number,
  given: GenerateOptions,
  controller: DepthController | null,
): DecodingOptions {
  const parsed = schema.safeParse(given);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new MtplxError('MTPLX_E_OPTION', { option: issue!.path.join('.') || 'options', problem: issue!.message });
  }
  const options = parsed.data;
  const sampler = {
    temperature: options.temperature ?? folder.generation.temperature ?? 0.6,
    topP: options.topP ?? folder.generation.topP ?? 0.95,
    topK: options.topK ?? folder.generation.topK ?? 20,
  };
  const acceptance = options.acceptance ?? (options.seed === undefined ? 'leviathan' : 'coupled');
  const maxTokens = newTokens(folder, promptTokens, options.maxTokens);
  // What a seed promises, a text that depends on measured times cannot keep.
  const repeatable = options.seed !== undefined && acceptance === 'leviathan' && sampler.temperature > 0;
  return {
    sampler,
    draftSampler: sampler,
    acceptance,
    key: { seed: options.seed === undefined ? randomBytes(8).readBigUInt64LE() : BigInt(options.seed), choice: 0 },
    ...chosenDepth(folder, options.depth, maxTokens, controller, repeatable),
    maxTokens,
    stopIds: new Set(options.ignoreStopTokens ? [] : folder.stopIds),
    vocabSize: folder.spec.vocabSize,
    signal: options.signal,
  };
}

/** A fixed depth, or a policy that begins with one. */
function chosenDepth(
  { folder }: ModelFolder,
  wanted: number | 'auto' | undefined,
  maxTokens: number,
  controller: DepthController | null,
  repeatable: boolean,
): Pick<DecodingOptions, 'depth' | 'depthPolicy'> {
  if (typeof wanted === 'number') {
    if (wanted > 0 && controller === null) throw new MtplxError('MTPLX_E_NO_MTP', { folder });
    return { depth: wanted };
  }
  if (controller === null) return { depth: 0 };
  if (!repeatable) {
    const depthPolicy = controller.begin(maxTokens);
    return { depth: depthPolicy.depth, depthPolicy };
  }
  if (wanted === undefined) return { depth: controller.start.depth };
  throw new MtplxError('MTPLX_E_OPTION', {
    option: 'depth',
    problem: 'auto with a seed needs coupled acceptance: leviathan gives another text at every depth',
  });
}

/** Tokens that may be made: what was asked for, or as many as the context leaves. */
function newTokens(folder: ModelFolder, promptTokens: number, wanted: number | undefined): number {
  const limit = folder.config.maxPositions ?? Infinity;
  const left = limit - promptTokens;
  if (left < (wanted ?? 1)) {
    throw new MtplxError('MTPLX_E_PROMPT_TOO_LONG', {
      tokens: wanted === undefined ? promptTokens : `${promptTokens} tokens and ${wanted} new ones are asked for: it`,
      limit,
    });
  }
  return wanted ?? Math.min(defaultMaxTokens, left);
}
