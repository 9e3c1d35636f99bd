import { MtplxError } from '../errors.ts';
import type { ModelSpec, QuantizedModule, TensorPlan } from '../engine/types.ts';
import type { ModelConfig } from './config.ts';
import { isFloat } from './dtype.ts';
import { expectedMtp, expectedTrunk } from './expected.ts';
import type { Expected } from './expected.ts';
import { isMtpName } from './names.ts';
import { supportedBits, supportedGroups } from './quantization.ts';
import type { Affine } from './quantization.ts';
import type { Located, WeightFiles } from './weight-files.ts';

export interface LoadPlan {
  spec: ModelSpec;
  files: string[];
  tensors: TensorPlan[];
  quantized: QuantizedModule[];
  /** Canonical names in the files that nothing takes (a tied lm_head, say). */
  unused: string[];
}

/** Where one canonical tensor comes from, before its shape is checked. */
interface Source {
  op: TensorPlan['op'];
  parts: Located[];
  /** Shape after `op`. */
  shape: number[];
}

/**
 * Decides for every parameter of the model which tensors of which files make it, and checks names, shapes, element
 * types and quantisation against the config. Reads no weights. The MTP head is planned when its tensors are there,
 * whatever the config says.
 * @throws MtplxError MTPLX_E_TENSOR_MISSING, MTPLX_E_TENSOR_SHAPE, MTPLX_E_TENSOR_DTYPE, MTPLX_E_QUANTIZATION
 */
export function planLoad(config: ModelConfig, weights: WeightFiles): LoadPlan {
  const mtp = [...weights.tensors.keys()].some(isMtpName);
  const planner = new Planner(config, weights);
  for (const expected of [...expectedTrunk(config), ...(mtp ? expectedMtp(config) : [])]) planner.add(expected);
  return {
    spec: { ...config.spec, mtp },
    files: weights.files.map(({ path }) => path),
    tensors: planner.tensors,
    quantized: planner.quantized,
    unused: [...weights.tensors.keys()].filter((name) => !planner.used.has(name)),
  };
}

class Planner {
  readonly tensors: TensorPlan[] = [];
  readonly quantized: QuantizedModule[] = [];
  readonly used = new Set<string>();
  readonly #config: ModelConfig;
  readonly #weights: WeightFiles;

  constructor(config: ModelConfig, weights: WeightFiles) {
    this.#config = config;
    this.#weights = weights;
  }

  add(expected: Expected): void {
    if (expected.kind === 'vector')
      this.#plain(expected.name, this.#find(expected.name, expected.shape), expected.shape);
    else if (expected.kind === 'conv') this.#conv(expected);
    else this.#module(expected);
  }

  #conv({ name, shape: [channels, kernel] }: Expected): void {
    const layouts = [
      [channels!, 1, kernel!],
      [channels!, kernel!, 1],
    ];
    const source = this.#find(name, layouts[0]!);
    this.#plain(
      name,
      source,
      layouts.find((layout) => same(layout, source.shape)) ?? layouts[0]!,
      `${show(layouts[0]!)} or ${show(layouts[1]!)}`,
    );
  }

  #module({ kind, name, shape }: Expected): void {
    const find = kind === 'experts' ? this.#findExperts.bind(this) : this.#find.bind(this);
    const weight = find(`${name}.weight`, shape);
    const scales = find(`${name}.scales`, null);
    if (scales === null) return this.#plain(`${name}.weight`, weight, shape);
    const affine = this.#affine(name, shape, weight, scales);
    const leading = shape.slice(0, -1);
    const columns = shape.at(-1)!;
    const groups = [...leading, columns / affine.groupSize];
    const biases = find(`${name}.biases`, groups);
    this.#check(
      `${name}.weight`,
      weight,
      [...leading, (columns * affine.bits) / 32],
      (dtype) => dtype === 'U32',
      'U32',
    );
    this.#check(`${name}.scales`, scales, groups, isFloat, 'F32, F16 or BF16');
    this.#check(`${name}.biases`, biases, groups, isFloat, 'F32, F16 or BF16');
    this.quantized.push({ module: name, ...affine });
  }

  /** Bits and group size follow from the shapes; what the config says of them must agree. */
  #affine(module: string, shape: number[], weight: Source, scales: Source): Affine {
    const { global, overrides, mtp } = this.#config.quantization;
    const columns = shape.at(-1)!;
    const groupSize = columns / (scales.shape.at(-1) ?? 0);
    const bits = (32 * (weight.shape.at(-1) ?? 0)) / columns;
    const found = `${bits} bits in groups of ${groupSize} (weight ${show(weight.shape)}, scales ${show(scales.shape)}, ${columns} columns)`;
    const fail = (expected: string): never => {
      throw new MtplxError('MTPLX_E_QUANTIZATION', { ...this.#at(weight), expected, found });
    };
    if (!supportedBits.includes(bits)) fail(`${supportedBits.join(', ')} bits`);
    if (!supportedGroups.includes(groupSize)) fail(`groups of ${supportedGroups.join(', ')}`);
    const override = overrides.get(module);
    if (override === false) fail('no quantisation, by the config');
    const own = isMtpName(module) ? mtp : global;
    const declared = override || own;
    // A head without parameters of its own may differ from the trunk's: then the shapes alone speak.
    if (declared && (declared.bits !== bits || declared.groupSize !== groupSize))
      fail(`${declared.bits} bits in groups of ${declared.groupSize}, by the config`);
    return { bits, groupSize };
  }

  #plain(name: string, source: Source, shape: number[], expected: string = show(shape)): void {
    this.#check(name, source, shape, isFloat, 'F32, F16 or BF16', expected);
  }

  #check(
    name: string,
    source: Source,
    shape: number[],
    type: (dtype: string) => boolean,
    types: string,
    shapes = show(shape),
  ): void {
    const [first] = source.parts;
    for (const part of source.parts) {
      if (!type(part.dtype))
        throw new MtplxError('MTPLX_E_TENSOR_DTYPE', { ...this.#at(source, part), expected: types, found: part.dtype });
      if (part.dtype !== first!.dtype || !same(part.shape, first!.shape))
        throw new MtplxError('MTPLX_E_TENSOR_SHAPE', {
          ...this.#at(source, part),
          expected: `${first!.dtype} ${show(first!.shape)} like ${first!.key}`,
          found: `${part.dtype} ${show(part.shape)}`,
        });
    }
    if (!same(source.shape, shape))
      throw new MtplxError('MTPLX_E_TENSOR_SHAPE', {
        ...this.#at(source),
        expected: shapes,
        found: show(source.shape),
      });
    this.tensors.push({ name, op: source.op, shape, sources: source.parts.map(({ file, key }) => ({ file, key })) });
  }

  #at(source: Source, part: Located = source.parts[0]!): { file: string; tensor: string } {
    return { file: this.#weights.files[part.file]!.path, tensor: part.key };
  }

  /** A tensor under its own name. With `shape` null a missing one is null, else an error that tells the shape. */
  #find(name: string, shape: number[]): Source;
  #find(name: string, shape: number[] | null): Source | null;
  #find(name: string, shape: number[] | null): Source | null {
    const found = this.#weights.tensors.get(name);
    if (!found) return shape === null ? null : this.#missing(name, shape);
    this.used.add(name);
    return { op: 'take', parts: [found], shape: found.shape };
  }

  /**
   * Experts, `<path>.experts.<gate|up|down>_proj.<part>`: stacked already (MLX's switch_mlp), fused by two
   * (`gate_up_proj`: the first half of the rows is gate), without `.weight` (Hugging Face), or one tensor an expert.
   */
  #findExperts(name: string, shape: number[]): Source;
  #findExperts(name: string, shape: number[] | null): Source | null;
  #findExperts(name: string, shape: number[] | null): Source | null {
    const [, path, projection, part] = /^(.*\.experts)\.(gate|up|down)_proj\.(\w+)$/.exec(name)!;
    const names = (stem: string): string[] => (part === 'weight' ? [`${stem}.weight`, stem] : [`${stem}.${part}`]);
    for (const direct of names(`${path}.${projection}_proj`))
      if (this.#weights.tensors.has(direct)) return this.#find(direct, null);
    if (projection !== 'down')
      for (const fused of names(`${path}.gate_up_proj`)) {
        const source = this.#find(fused, null);
        if (!source) continue;
        const halved = source.shape.map((n, axis) => (axis === source.shape.length - 2 ? n / 2 : n));
        return { ...source, op: projection === 'gate' ? 'first-half' : 'second-half', shape: halved };
      }
    return this.#stack(path!, `${projection}_proj.${part}`, shape, name);
  }

  #stack(path: string, suffix: string, shape: number[] | null, name: string): Source | null {
    const experts = this.#config.spec.moe!.experts;
    const parts: Located[] = [];
    for (let e = 0; e < experts; e++) {
      const found = this.#weights.tensors.get(`${path}.${e}.${suffix}`);
      if (!found && parts.length === 0 && e === 0) return shape === null ? null : this.#missing(name, shape);
      if (!found) return this.#missing(`${path}.${e}.${suffix}`, parts[0]!.shape);
      this.used.add(`${path}.${e}.${suffix}`);
      parts.push(found);
    }
    return { op: 'stack', parts, shape: [experts, ...parts[0]!.shape] };
  }

  #missing(name: string, shape: number[]): never {
    const module = name.replace(/\.[^.]+$/, '');
    const near = [...this.#weights.tensors.keys()].filter((other) => other.startsWith(`${module}.`)).slice(0, 3);
    throw new MtplxError('MTPLX_E_TENSOR_MISSING', {
      file: this.#weights.listing,
      tensor: name,
      expected: show(shape),
      found: near.length ? `only ${near.join(', ')}` : 'nothing of that name',
    });
  }
}

function same(a: number[], b: number[]): boolean {
  return a.length === b.length && a.every((n, i) => n === b[i]);
}

function show(shape: number[]): string {
  return `[${shape.join(', ')}]`;
}
