import { z } from 'zod';
import { MtplxError } from '../errors.ts';
import { canonicalName } from './names.ts';

/** Parameters of MLX's affine quantisation: `bits` a value, groups of `groupSize` along the input dimension. */
export interface Affine {
  bits: number;
  groupSize: number;
}

export interface Quantization {
  /** null: only the overrides are quantised by the config's word. */
  global: Affine | null;
  /** Canonical module path → its parameters, false for "not quantised". */
  overrides: Map<string, Affine | false>;
  /** The MTP head's own parameters (`mtplx_mtp_quantization`). */
  mtp: Affine | null;
}

export const supportedBits: readonly number[] = [2, 3, 4, 5, 6, 8];
export const supportedGroups: readonly number[] = [32, 64, 128];

const block = z.looseObject({
  bits: z.int().optional(),
  group_size: z.int().optional(),
  mode: z.string().optional(),
  quant_method: z.string().optional(),
});

/**
 * The quantisation blocks of a config.json. Only MLX's affine mode is read; other schemes are refused by name.
 * @throws MtplxError MTPLX_E_CONFIG_UNSUPPORTED, MTPLX_E_CONFIG_KEY
 */
export function parseQuantization(
  outer: Record<string, unknown>,
  inner: Record<string, unknown>,
  file: string,
): Quantization {
  const found =
    outer['quantization'] ?? outer['quantization_config'] ?? inner['quantization'] ?? inner['quantization_config'];
  const result: Quantization = {
    global: null,
    overrides: new Map(),
    mtp: affine(outer['mtplx_mtp_quantization'], 'mtplx_mtp_quantization', file),
  };
  if (found === undefined || found === null) return result;
  result.global = affine(found, 'quantization', file);
  for (const [path, value] of Object.entries(found as Record<string, unknown>)) {
    if (value !== false && (typeof value !== 'object' || value === null)) continue;
    const module = canonicalName(path);
    if (module !== null)
      result.overrides.set(module, value === false ? false : (affine(value, `quantization.${path}`, file) ?? false));
  }
  return result;
}

function affine(value: unknown, key: string, file: string): Affine | null {
  if (value === undefined || value === null) return null;
  const parsed = block.safeParse(value);
  if (!parsed.success)
    throw new MtplxError('MTPLX_E_CONFIG_KEY', { file, key, problem: `is ${JSON.stringify(value)}` });
  const { bits, group_size: groupSize, mode, quant_method: method } = parsed.data;
  const unsupported = (name: string, found: unknown, supported: string): MtplxError =>
    new MtplxError('MTPLX_E_CONFIG_UNSUPPORTED', { file, key: `${key}.${name}`, found, supported });
  if (mode !== undefined && mode !== 'affine') throw unsupported('mode', mode, 'affine');
  if (method !== undefined && bits === undefined)
    throw unsupported('quant_method', method, 'MLX affine checkpoints and unquantised ones');
  if (method !== undefined && method !== 'affine' && method !== 'mlx')
    throw unsupported('quant_method', method, 'MLX affine checkpoints');
  if (bits === undefined || !supportedBits.includes(bits)) throw unsupported('bits', bits, supportedBits.join(', '));
  if (groupSize === undefined || !supportedGroups.includes(groupSize))
    throw unsupported('group_size', groupSize, supportedGroups.join(', '));
  return { bits, groupSize };
}
