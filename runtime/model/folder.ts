import { readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { MtplxError } from '../errors.ts';
import type { ModelSpec } from '../engine/types.ts';
import { eosIds, isObject, parseConfig, parseJsonObject } from './config.ts';
import type { ModelConfig } from './config.ts';
import { hashModel } from './hash.ts';
import { planLoad } from './plan.ts';
import type { LoadPlan } from './plan.ts';
import { findWeights, isFile } from './weight-files.ts';
import type { WeightFiles } from './weight-files.ts';

/** Sampling that the checkpoint's authors recommend; null where generation_config.json says nothing. */
export interface GenerationDefaults {
  temperature: number | null;
  topP: number | null;
  topK: number | null;
}

/** A model folder whose every file has been checked, with no weights read. */
export interface ModelFolder {
  folder: string;
  name: string;
  config: ModelConfig;
  spec: ModelSpec;
  plan: LoadPlan;
  weights: WeightFiles;
  generation: GenerationDefaults;
  /** Union of the ends of sequence in config.json and generation_config.json. */
  stopIds: number[];
  /** Paths; `tokenizerConfig` and `template` may be missing. */
  files: { tokenizer: string; tokenizerConfig: string | null; template: string | null };
  /** See hash.ts. */
  hash: string;
}

export interface OpenOptions {
  /** An MTP head of its own: a drafter folder or a safetensors file, used in place of the model's. */
  drafter?: string | undefined;
}

/**
 * Opens a model folder: reads config.json, finds the weights, plans the load, reads what small files say.
 * @throws MtplxError MTPLX_E_MODEL_NOT_FOUND and everything that config.ts, weight-files.ts and plan.ts throw
 */
export async function openModelFolder(path: string, options: OpenOptions = {}): Promise<ModelFolder> {
  const folder = resolve(path);
  const configFile = join(folder, 'config.json');
  if (!(await isFile(configFile)))
    throw new MtplxError('MTPLX_E_MODEL_NOT_FOUND', { folder, problem: 'it has no config.json' });
  const config = parseConfig(await readFile(configFile, 'utf8'), configFile);
  const weights = await findWeights(folder, config.mtpFile, options.drafter ?? null);
  const plan = planLoad(config, weights);
  const generationFile = join(folder, 'generation_config.json');
  const generation = (await isFile(generationFile))
    ? parseJsonObject(await readFile(generationFile, 'utf8'), generationFile)
    : {};
  const optional = async (name: string): Promise<string | null> =>
    (await isFile(join(folder, name))) ? join(folder, name) : null;
  return {
    folder,
    name: basename(folder),
    config,
    spec: plan.spec,
    plan,
    weights,
    generation: {
      temperature: number(generation['temperature']),
      topP: number(generation['top_p']),
      topK: number(generation['top_k']),
    },
    stopIds: [...new Set([...config.eosIds, ...eosIds(generation, generationFile)])],
    files: {
      tokenizer: join(folder, 'tokenizer.json'),
      tokenizerConfig: await optional('tokenizer_config.json'),
      template: await optional('chat_template.jinja'),
    },
    hash: await hashModel(configFile, weights.files),
  };
}

/** tokenizer_config.json as it is, {} without one. */
export async function readTokenizerConfig(files: ModelFolder['files']): Promise<Record<string, unknown>> {
  if (files.tokenizerConfig === null) return {};
  const json = parseJsonObject(await readFile(files.tokenizerConfig, 'utf8'), files.tokenizerConfig);
  return isObject(json) ? json : {};
}

function number(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}
