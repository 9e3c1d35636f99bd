import { isObject } from './config.ts';
import { affineOf, mlxName } from './convert-plan.ts';
import type { ModelFolder } from './folder.ts';
import { isMtpName } from './names.ts';

type Json = Record<string, unknown>;

/**
 * The converted model's config.json: the source's without its vision part, with MLX's quantisation block twice (as
 * mlx-lm writes it) and the head's own. mlx-lm knows no text-only model types, so those get the wrapper.
 */
export function convertedConfig(
  source: Json,
  model: ModelFolder,
  options: { bits: number; groupSize: number; mtpBits: number },
): Json {
  const { bits, groupSize, mtpBits } = options;
  const quantization: Json = { group_size: groupSize, bits, mode: 'affine' };
  for (const { name, shape } of model.plan.tensors) {
    const own = isMtpName(name) ? mtpBits : bits;
    const affine = affineOf({ name, shape }, own, groupSize);
    if (affine && (affine.bits !== own || affine.groupSize !== groupSize))
      quantization[mlxName(name, model.spec.family).replace(/\.weight$/, '')] = {
        group_size: affine.groupSize,
        bits: affine.bits,
      };
  }
  const { vision_config: _, ...rest } = source;
  const config =
    typeof rest['model_type'] === 'string' && rest['model_type'].endsWith('_text') && !isObject(rest['text_config'])
      ? wrapped(rest)
      : rest;
  const head =
    model.spec.mtp && mtpBits !== 16
      ? { mtplx_mtp_quantization: { group_size: groupSize, bits: mtpBits, mode: 'affine' } }
      : {};
  return { ...config, quantization, quantization_config: quantization, ...head };
}

function wrapped(text: Json): Json {
  return {
    model_type: (text['model_type'] as string).replace(/_text$/, ''),
    tie_word_embeddings: text['tie_word_embeddings'],
    text_config: text,
  };
}
