import { DepthController } from '../decoding/depth/policy.ts';
import { buildInfo, configureEngine, EngineModel, type EngineOptions } from '../engine/engine.ts';
import type { LoadProgress, LoadRequest } from '../engine/types.ts';
import { MtplxError } from '../errors.ts';
import { type ChatMessage, type ChatTemplate, loadChatTemplate } from '../model/chat-template.ts';
import { type ModelFolder, openModelFolder } from '../model/folder.ts';
import { loadTokenizer, type Tokenizer } from '../model/tokenizer.ts';
import { contractDepth } from '../settings/contract-depth.ts';
import { chooseDepthStart, type ChosenStart } from '../settings/depth-start.ts';
import { thisMachine, type TuningKey } from '../settings/profile.ts';
import { Generation } from './generation.ts';
import { decodingOptions, type GenerateOptions } from './options.ts';

export interface LoadOptions extends EngineOptions {
  /** Requantise a copy of the LM head to this many bits, for drafting alone. */
  draftHeadBits?: 3 | 4 | undefined;
  /** A folder or safetensors file whose MTP head is used in place of the model's. */
  drafter?: string | undefined;
  onProgress?: ((progress: LoadProgress) => void) | undefined;
}

/** Raw text, token ids, or a chat that the checkpoint's template renders. */
export type Prompt = string | Int32Array | readonly ChatMessage[];

const draftHeadGroup = 64;

/**
 * Loads a model folder: config, tokenizer, chat template and weights.
 * @throws MtplxError that names file, tensor, expected and found for anything that does not fit
 */
export async function loadModel(path: string, options: LoadOptions = {}): Promise<Model> {
  await configureEngine(options);
  const folder = await openModelFolder(path, { drafter: options.drafter });
  const [tokenizer, template] = await Promise.all([
    loadTokenizer(folder.files.tokenizer),
    loadChatTemplate(folder.files),
  ]);
  const { files, tensors, quantized, spec } = folder.plan;
  const bits = options.draftHeadBits;
  const draftHead: LoadRequest['draftHead'] = bits === undefined ? null : { bits, groupSize: draftHeadGroup };
  const engine = await EngineModel.load({ files, tensors, quantized, spec, draftHead }, options.onProgress);
  return new Model(folder, tokenizer, template, engine, spec.mtp ? await depthStart(folder, bits ?? null) : null);
}

async function depthStart(folder: ModelFolder, draftHead: 3 | 4 | null): Promise<ChosenStart> {
  const key = tuningKey(folder, draftHead);
  return chooseDepthStart(key, await contractDepth(folder, key.backend));
}

/** What a tuning of this model, as it runs here, is found by. Loads the addon. */
function tuningKey({ hash }: Pick<ModelFolder, 'hash'>, draftHead: 3 | 4 | null): TuningKey {
  const { backend, isa, threads } = buildInfo();
  return { model_hash: hash, draft_head: draftHead, machine: thisMachine(), backend, isa, threads };
}

/** A loaded model. Dispose of it when done: its weights live outside the JavaScript heap. */
export class Model {
  readonly folder: ModelFolder;
  readonly tokenizer: Tokenizer;
  /** null for a base model, which has no chat form. */
  readonly template: ChatTemplate | null;
  /** The engine's side, for experiments. */
  readonly engine: EngineModel;
  /** Where automatic depth begins; null without an MTP head. */
  readonly depthStart: ChosenStart | null;
  /** What all generations have shown of the depths. */
  readonly #depths: DepthController | null;

  constructor(
    folder: ModelFolder,
    tokenizer: Tokenizer,
    template: ChatTemplate | null,
    engine: EngineModel,
    depthStart: ChosenStart | null,
  ) {
    this.folder = folder;
    this.tokenizer = tokenizer;
    this.template = template;
    this.engine = engine;
    this.depthStart = depthStart;
    this.#depths = depthStart && new DepthController(depthStart);
  }

  /**
   * Continues the prompt. The result streams: iterate over it for text and tokens as they are decided.
   * @throws MtplxError MTPLX_E_OPTION, MTPLX_E_NO_MTP, MTPLX_E_PROMPT_TOO_LONG, MTPLX_E_CHAT_TEMPLATE on the first step
   */
  generate(prompt: Prompt, options: GenerateOptions = {}): Generation {
    return new Generation(this.engine, this.tokenizer, options.stop ?? [], async () => {
      const tokens = await this.encode(prompt);
      if (tokens.length === 0) throw new MtplxError('MTPLX_E_OPTION', { option: 'prompt', problem: 'is empty' });
      return { tokens, decoding: decodingOptions(this.folder, tokens.length, options, this.#depths) };
    });
  }

  /** Token ids of a prompt. @throws MtplxError MTPLX_E_CHAT_TEMPLATE for a chat without template */
  async encode(prompt: Prompt): Promise<Int32Array> {
    if (prompt instanceof Int32Array) return prompt;
    if (typeof prompt === 'string') return this.tokenizer.encode(prompt);
    if (this.template === null)
      throw new MtplxError('MTPLX_E_CHAT_TEMPLATE', { file: this.folder.folder, problem: 'the model ships none' });
    return this.tokenizer.encode(this.template.render([...prompt]));
  }

  /** What the numbers were made with: backend, instruction set, threads, MLX version. */
  get build(): ReturnType<typeof buildInfo> {
    return buildInfo();
  }

  async dispose(): Promise<void> {
    await this.engine.dispose();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }
}
