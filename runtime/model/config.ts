import { z } from 'zod';
import { MtplxError } from '../errors.ts';
import type { ModelSpec } from '../engine/types.ts';
import { drafterType, families, withoutBackend } from './families.ts';
import { parseQuantization } from './quantization.ts';
import type { Quantization } from './quantization.ts';

/** config.json, checked. What needs tensors to be known (whether an MTP head is there) is not in it. */
export interface ModelConfig {
  modelType: string;
  spec: Omit<ModelSpec, 'mtp'>;
  /** Widths that only shape checks need; null where the family has none. */
  widths: { dense: number | null; expert: number | null; sharedExpert: number | null };
  quantization: Quantization;
  /** What the config says of an MTP head. Tensors decide. */
  declaredMtpLayers: number;
  /** `mlx_lm_extra_tensors.mtp_file`: a sidecar named by the config. */
  mtpFile: string | null;
  eosIds: number[];
  /** Positions that the model was made for; null where the config does not say. */
  maxPositions: number | null;
}

const count = z.int().positive();
const layerKind = z.enum(['linear_attention', 'full_attention']);

// The only keys with defaults are those whose absence is harmless in every published checkpoint: mlx-lm's own
// defaults for the others are wrong for every real model.
const common = z.looseObject({
  vocab_size: count,
  hidden_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  num_key_value_heads: count,
  head_dim: count,
  linear_num_key_heads: count,
  linear_num_value_heads: count,
  linear_key_head_dim: count,
  linear_value_head_dim: count,
  hidden_act: z.string(),
  full_attention_interval: count.default(4),
  linear_conv_kernel_dim: count.default(4),
  attn_output_gate: z.boolean().default(true),
  rms_norm_eps: z.number().positive().default(1e-6),
  mtp_num_hidden_layers: z.int().nonnegative().default(0),
  layer_types: z.array(layerKind).nullish(),
  max_position_embeddings: count.nullish(),
});
const dense = z.looseObject({ intermediate_size: count });
const experts = z.looseObject({
  num_experts: count,
  num_experts_per_tok: count,
  moe_intermediate_size: count,
  shared_expert_intermediate_size: count,
  norm_topk_prob: z.boolean().default(true),
});
const sparseLayers = z.looseObject({ decoder_sparse_step: count, mlp_only_layers: z.array(z.int().nonnegative()) });
const rope = z.looseObject({ rope_theta: z.number().positive() });
const eos = z.union([z.int(), z.array(z.int())]).nullish();

type Json = Record<string, unknown>;

/**
 * Checks the text of a config.json: nested text_config, flat, or a text-only checkpoint.
 * @throws MtplxError MTPLX_E_FILE_BROKEN, MTPLX_E_CONFIG_KEY, MTPLX_E_CONFIG_UNSUPPORTED, MTPLX_E_MODEL_FAMILY
 */
export function parseConfig(text: string, file: string): ModelConfig {
  const outer = parseJsonObject(text, file);
  const inner = isObject(outer['text_config']) ? outer['text_config'] : outer;
  const modelType = familyType(outer, inner, file);
  const family = families[modelType]!;
  const c = check(common, inner, file);
  const problem = (key: string, what: string): MtplxError =>
    new MtplxError('MTPLX_E_CONFIG_KEY', { file, key, problem: what });
  refuseUnknownForms(outer, inner, file);
  if (c.num_attention_heads % c.num_key_value_heads)
    throw problem(
      'num_attention_heads',
      `is ${c.num_attention_heads}, no multiple of num_key_value_heads ${c.num_key_value_heads}`,
    );
  if (c.linear_num_value_heads % c.linear_num_key_heads)
    throw problem(
      'linear_num_value_heads',
      `is ${c.linear_num_value_heads}, no multiple of linear_num_key_heads ${c.linear_num_key_heads}`,
    );
  const kinds =
    c.layer_types ??
    Array.from({ length: c.num_hidden_layers }, (_, i) =>
      (i + 1) % c.full_attention_interval ? 'linear_attention' : 'full_attention',
    );
  if (kinds.length !== c.num_hidden_layers)
    throw problem('layer_types', `has ${kinds.length} entries for num_hidden_layers ${c.num_hidden_layers}`);
  const { widths, moe } = mlp(family, inner, c.num_hidden_layers, file);
  return {
    modelType,
    spec: {
      family,
      vocabSize: c.vocab_size,
      hiddenSize: c.hidden_size,
      layers: kinds.map((kind) => (kind === 'full_attention' ? 'full' : 'linear')),
      rmsNormEps: c.rms_norm_eps,
      tiedEmbeddings: tied(outer, inner, file),
      attention: {
        queryHeads: c.num_attention_heads,
        kvHeads: c.num_key_value_heads,
        headDim: c.head_dim,
        ...rotary(inner, c.head_dim, file),
        gated: c.attn_output_gate,
      },
      gatedDelta: {
        keyHeads: c.linear_num_key_heads,
        valueHeads: c.linear_num_value_heads,
        keyDim: c.linear_key_head_dim,
        valueDim: c.linear_value_head_dim,
        convKernel: c.linear_conv_kernel_dim,
      },
      moe,
    },
    widths,
    quantization: parseQuantization(outer, inner, file),
    declaredMtpLayers: c.mtp_num_hidden_layers,
    mtpFile: sidecarName(outer, file),
    eosIds: eosIds(outer, file).concat(inner === outer ? [] : eosIds(inner, file)),
    maxPositions: c.max_position_embeddings ?? null,
  };
}

/** The end-of-sequence ids of a config.json or generation_config.json: a number, a list, or nothing. */
export function eosIds(config: Json, file: string): number[] {
  const { eos_token_id: ids } = check(z.looseObject({ eos_token_id: eos }), config, file);
  return ids === null || ids === undefined ? [] : [ids].flat();
}

/** @throws MtplxError MTPLX_E_FILE_BROKEN when the text is not a JSON object. */
export function parseJsonObject(text: string, file: string): Json {
  try {
    const json: unknown = JSON.parse(text);
    if (isObject(json)) return json;
  } catch (cause) {
    throw new MtplxError('MTPLX_E_FILE_BROKEN', { file, problem: `not JSON (${(cause as Error).message})` }, { cause });
  }
  throw new MtplxError('MTPLX_E_FILE_BROKEN', { file, problem: 'not a JSON object' });
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function check<T extends z.ZodType>(schema: T, value: Json, file: string): z.output<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const key = issue.path.join('.');
  const found = issue.path.reduce<unknown>((at, step) => (at as Json | undefined)?.[String(step)], value);
  throw new MtplxError('MTPLX_E_CONFIG_KEY', {
    file,
    key,
    problem: found === undefined ? 'is missing' : `is ${JSON.stringify(found)} (${issue.message})`,
  });
}

function familyType(outer: Json, inner: Json, file: string): string {
  const types = [outer['model_type'], inner['model_type']].filter((type) => typeof type === 'string');
  const known = types.find((type) => Object.hasOwn(families, type));
  if (known !== undefined) return known;
  const type = types[0];
  if (type === undefined)
    throw new MtplxError('MTPLX_E_CONFIG_KEY', { file, key: 'model_type', problem: 'is missing' });
  const supported = Object.keys(families).join(', ');
  if (type === drafterType)
    throw new MtplxError('MTPLX_E_MODEL_FAMILY', {
      file,
      family: `${type} (an MTP head alone; name it as the drafter of its model)`,
      supported,
    });
  throw new MtplxError('MTPLX_E_MODEL_FAMILY', {
    file,
    family: Object.hasOwn(withoutBackend, type) ? `${type} (${withoutBackend[type]})` : type,
    supported,
  });
}

function refuseUnknownForms(outer: Json, inner: Json, file: string): void {
  const refuse = (key: string, found: unknown, supported: string): never => {
    throw new MtplxError('MTPLX_E_CONFIG_UNSUPPORTED', { file, key, found: JSON.stringify(found), supported });
  };
  const gate = inner['output_gate_type'];
  if (gate !== undefined && gate !== null && gate !== 'swish' && gate !== 'silu')
    refuse('output_gate_type', gate, 'swish, silu');
  if (inner['hidden_act'] !== 'silu') refuse('hidden_act', inner['hidden_act'], 'silu');
  if (inner['attention_bias']) refuse('attention_bias', inner['attention_bias'], 'false');
  if (inner['mtp_use_dedicated_embeddings']) refuse('mtp_use_dedicated_embeddings', true, 'false');
  const layers = inner['mtp_num_hidden_layers'];
  if (typeof layers === 'number' && layers > 1) refuse('mtp_num_hidden_layers', layers, '0, 1');
  for (const config of [outer, inner]) {
    for (const key of ['rope_parameters', 'rope_scaling']) {
      const scaling = config[key];
      const type = isObject(scaling) ? (scaling['rope_type'] ?? scaling['type'] ?? 'default') : 'default';
      if (type !== 'default') refuse(`${key}.rope_type`, type, 'default');
    }
  }
}

function rotary(inner: Json, headDim: number, file: string): { rotaryDim: number; ropeTheta: number } {
  const nested = isObject(inner['rope_parameters']) ? inner['rope_parameters'] : {};
  const { rope_theta: ropeTheta } = check(rope, { rope_theta: nested['rope_theta'] ?? inner['rope_theta'] }, file);
  const factor = check(
    z.object({ partial_rotary_factor: z.number().positive().max(1).default(0.25) }),
    { partial_rotary_factor: nested['partial_rotary_factor'] ?? inner['partial_rotary_factor'] },
    file,
  ).partial_rotary_factor;
  const rotaryDim = Math.trunc(headDim * factor);
  if (rotaryDim < 2 || rotaryDim % 2)
    throw new MtplxError('MTPLX_E_CONFIG_KEY', {
      file,
      key: 'partial_rotary_factor',
      problem: `is ${factor}: ${rotaryDim} of ${headDim} dimensions would turn, an even number is needed`,
    });
  return { rotaryDim, ropeTheta };
}

function tied(outer: Json, inner: Json, file: string): boolean {
  const values = [inner['tie_word_embeddings'], outer['tie_word_embeddings']].filter((value) => value !== undefined);
  const schema = z.object({ tie_word_embeddings: z.boolean() });
  if (values.length === 2 && values[0] !== values[1])
    throw new MtplxError('MTPLX_E_CONFIG_KEY', {
      file,
      key: 'tie_word_embeddings',
      problem: `is ${JSON.stringify(values[1])} at the top and ${JSON.stringify(values[0])} in text_config`,
    });
  return check(schema, { tie_word_embeddings: values[0] }, file).tie_word_embeddings;
}

function mlp(
  family: ModelSpec['family'],
  inner: Json,
  layers: number,
  file: string,
): Pick<ModelConfig, 'widths'> & Pick<ModelSpec, 'moe'> {
  if (family === 'qwen3_5')
    return {
      widths: { dense: check(dense, inner, file).intermediate_size, expert: null, sharedExpert: null },
      moe: null,
    };
  const e = check(experts, inner, file);
  if (e.num_experts_per_tok > e.num_experts)
    throw new MtplxError('MTPLX_E_CONFIG_KEY', {
      file,
      key: 'num_experts_per_tok',
      problem: `is ${e.num_experts_per_tok} of ${e.num_experts} experts`,
    });
  let sparse = Array.from({ length: layers }, () => true);
  if (family === 'qwen3_next') {
    const { decoder_sparse_step: step, mlp_only_layers: only } = check(sparseLayers, inner, file);
    sparse = sparse.map((_, i) => !only.includes(i) && (i + 1) % step === 0);
  }
  const width = sparse.includes(false) ? check(dense, inner, file).intermediate_size : null;
  return {
    widths: { dense: width, expert: e.moe_intermediate_size, sharedExpert: e.shared_expert_intermediate_size },
    // Qwen3.5 MoE renormalises whatever the key says.
    moe: {
      experts: e.num_experts,
      expertsPerToken: e.num_experts_per_tok,
      normalise: family === 'qwen3_5_moe' || e.norm_topk_prob,
      layers: sparse,
    },
  };
}

function sidecarName(outer: Json, file: string): string | null {
  const extra = outer['mlx_lm_extra_tensors'];
  if (!isObject(extra) || extra['mtp_file'] === undefined) return null;
  const name = extra['mtp_file'];
  if (typeof name !== 'string' || name.startsWith('/') || name.split(/[\\/]/).includes('..'))
    throw new MtplxError('MTPLX_E_CONFIG_KEY', {
      file,
      key: 'mlx_lm_extra_tensors.mtp_file',
      problem: `is ${JSON.stringify(name)}, not a file of this folder`,
    });
  return name;
}
