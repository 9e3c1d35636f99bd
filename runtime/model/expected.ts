import type { ModelConfig } from './config.ts';

/**
 * One parameter that the forward pass takes. `linear` may be quantised; `experts` is E linears stacked;
 * `conv` is [C, 1, K] (Hugging Face) or [C, K, 1] (MLX); `vector` and `norm` are one-dimensional.
 */
export interface Expected {
  kind: 'linear' | 'experts' | 'conv' | 'vector';
  /** linear, experts: the module, to which `.weight` is added; others: the tensor's whole name. */
  name: string;
  /** linear [out, in]; experts [E, out, in]; conv [C, K]; vector [n]. */
  shape: number[];
}

/** Everything that the trunk needs, by canonical name, in the order of the forward pass. */
export function expectedTrunk(config: ModelConfig): Expected[] {
  const { spec } = config;
  const table = [spec.vocabSize, spec.hiddenSize];
  const list: Expected[] = [linear('embed_tokens', table)];
  for (const [i, kind] of spec.layers.entries()) {
    list.push(...layer(config, `layers.${i}`, kind, spec.moe?.layers[i] ?? false));
  }
  list.push(vector('norm.weight', spec.hiddenSize));
  if (!spec.tiedEmbeddings) list.push(linear('lm_head', table));
  return list;
}

/** Everything that the MTP head needs: one full-attention layer, with experts where the family has them. */
export function expectedMtp(config: ModelConfig): Expected[] {
  const { hiddenSize } = config.spec;
  return [
    vector('mtp.pre_fc_norm_embedding.weight', hiddenSize),
    vector('mtp.pre_fc_norm_hidden.weight', hiddenSize),
    linear('mtp.fc', [hiddenSize, 2 * hiddenSize]),
    ...layer(config, 'mtp.layers.0', 'full', config.spec.moe !== null),
    vector('mtp.norm.weight', hiddenSize),
  ];
}

function layer(config: ModelConfig, path: string, kind: 'linear' | 'full', moe: boolean): Expected[] {
  const { hiddenSize } = config.spec;
  return [
    vector(`${path}.input_layernorm.weight`, hiddenSize),
    ...(kind === 'full' ? attention(config, `${path}.self_attn`) : gatedDelta(config, `${path}.linear_attn`)),
    vector(`${path}.post_attention_layernorm.weight`, hiddenSize),
    ...(moe ? mixture(config, `${path}.mlp`) : mlp(`${path}.mlp`, hiddenSize, config.widths.dense!)),
  ];
}

function attention({ spec }: ModelConfig, path: string): Expected[] {
  const { queryHeads, kvHeads, headDim, gated } = spec.attention;
  return [
    linear(`${path}.q_proj`, [(gated ? 2 : 1) * queryHeads * headDim, spec.hiddenSize]),
    linear(`${path}.k_proj`, [kvHeads * headDim, spec.hiddenSize]),
    linear(`${path}.v_proj`, [kvHeads * headDim, spec.hiddenSize]),
    vector(`${path}.q_norm.weight`, headDim),
    vector(`${path}.k_norm.weight`, headDim),
    linear(`${path}.o_proj`, [spec.hiddenSize, queryHeads * headDim]),
  ];
}

function gatedDelta({ spec }: ModelConfig, path: string): Expected[] {
  const { keyHeads, valueHeads, keyDim, valueDim, convKernel } = spec.gatedDelta;
  const keys = keyHeads * keyDim;
  const values = valueHeads * valueDim;
  const inputs: [string, number][] =
    spec.family === 'qwen3_next'
      ? [
          ['in_proj_qkvz', 2 * keys + 2 * values],
          ['in_proj_ba', 2 * valueHeads],
        ]
      : [
          ['in_proj_qkv', 2 * keys + values],
          ['in_proj_z', values],
          ['in_proj_b', valueHeads],
          ['in_proj_a', valueHeads],
        ];
  return [
    ...inputs.map(([name, rows]) => linear(`${path}.${name}`, [rows, spec.hiddenSize])),
    { kind: 'conv', name: `${path}.conv1d.weight`, shape: [2 * keys + values, convKernel] },
    vector(`${path}.A_log`, valueHeads),
    vector(`${path}.dt_bias`, valueHeads),
    vector(`${path}.norm.weight`, valueDim),
    linear(`${path}.out_proj`, [spec.hiddenSize, values]),
  ];
}

function mlp(path: string, hidden: number, width: number): Expected[] {
  return [
    linear(`${path}.gate_proj`, [width, hidden]),
    linear(`${path}.up_proj`, [width, hidden]),
    linear(`${path}.down_proj`, [hidden, width]),
  ];
}

function mixture({ spec, widths }: ModelConfig, path: string): Expected[] {
  const { experts } = spec.moe!;
  const hidden = spec.hiddenSize;
  const stacked = (name: string, shape: number[]): Expected => ({
    kind: 'experts',
    name: `${path}.experts.${name}`,
    shape: [experts, ...shape],
  });
  return [
    linear(`${path}.gate`, [experts, hidden]),
    stacked('gate_proj', [widths.expert!, hidden]),
    stacked('up_proj', [widths.expert!, hidden]),
    stacked('down_proj', [hidden, widths.expert!]),
    ...mlp(`${path}.shared_expert`, hidden, widths.sharedExpert!),
    linear(`${path}.shared_expert_gate`, [1, hidden]),
  ];
}

function linear(name: string, shape: number[]): Expected {
  return { kind: 'linear', name, shape };
}

function vector(name: string, size: number): Expected {
  return { kind: 'vector', name, shape: [size] };
}
