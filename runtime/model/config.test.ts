import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseConfig } from './config.ts';
import { families, withoutBackend } from './families.ts';
import { embedded, failsWith, readJson, tiny } from './testing/files.ts';

const test = suite('config.json');
type Json = Record<string, any>;

const file = '/models/x/config.json';
const parse = (config: Json) => parseConfig(JSON.stringify(config), file);
const [dense, moe, next] = (await Promise.all(
  (['dense', 'moe', 'next'] as const).map((name) => readJson(join(tiny(name), 'config.json'))),
)) as [Json, Json, Json];
const changed = (config: Json, change: (text: Json, outer: Json) => void): Json => {
  const copy = structuredClone(config);
  change(copy['text_config'] ?? copy, copy);
  return copy;
};

test('reads the embedded model', async () => {
  const { spec, widths, quantization, eosIds } = parseConfig(
    await readFile(join(embedded, 'config.json'), 'utf8'),
    file,
  );
  assert.is(spec.family, 'qwen3_5');
  assert.is(spec.layers.length, 16);
  assert.equal(
    spec.layers.map((kind, i) => (kind === 'full' ? i : -1)).filter((i) => i >= 0),
    [3, 7, 11, 15],
  );
  assert.equal(spec.attention, {
    queryHeads: 4,
    kvHeads: 2,
    headDim: 128,
    rotaryDim: 32,
    ropeTheta: 100000,
    gated: true,
  });
  assert.equal(spec.gatedDelta, { keyHeads: 2, valueHeads: 4, keyDim: 128, valueDim: 128, convKernel: 4 });
  assert.equal(
    [spec.vocabSize, spec.hiddenSize, spec.tiedEmbeddings, spec.moe, widths.dense],
    [4096, 384, true, null, 1024],
  );
  assert.equal(quantization.global, { bits: 4, groupSize: 64 });
  assert.equal(quantization.mtp, { bits: 4, groupSize: 64 });
  assert.equal(eosIds, [0]);
});

test('nested, flat and text-only configs are the same model', () => {
  const nested = parse(dense).spec;
  const flat = { ...dense['text_config'], tie_word_embeddings: true };
  assert.equal(parse(flat).spec, nested);
  assert.equal(parse({ ...flat, model_type: 'qwen3_5' }).spec, nested);
});

test('experts: which layers have them, and their sizes', () => {
  assert.equal(parse(moe).spec.moe, {
    experts: 8,
    expertsPerToken: 2,
    normalise: true,
    layers: [true, true, true, true],
  });
  assert.equal(parse(next).spec.moe?.layers, [true, false, true, true]);
  assert.equal(parse(changed(next, (c) => (c['decoder_sparse_step'] = 2))).spec.moe?.layers, [
    false,
    false,
    false,
    true,
  ]);
  assert.is(parse(changed(next, (c) => (c['norm_topk_prob'] = false))).spec.moe?.normalise, false);
  assert.is(parse(changed(moe, (c) => (c['norm_topk_prob'] = false))).spec.moe?.normalise, true);
  assert.equal(parse(next).widths, { dense: 96, expert: 32, sharedExpert: 64 });
});

test('a missing key is an error that names it, never a default', async () => {
  const required: [Json, string[]][] = [
    [
      dense,
      [
        'vocab_size',
        'hidden_size',
        'intermediate_size',
        'num_hidden_layers',
        'num_attention_heads',
        'num_key_value_heads',
        'head_dim',
        'linear_num_key_heads',
        'linear_num_value_heads',
        'linear_key_head_dim',
        'linear_value_head_dim',
      ],
    ],
    [moe, ['num_experts', 'num_experts_per_tok', 'moe_intermediate_size', 'shared_expert_intermediate_size']],
    [
      next,
      [
        'rope_theta',
        'decoder_sparse_step',
        'mlp_only_layers',
        'tie_word_embeddings',
        'intermediate_size',
        'model_type',
      ],
    ],
  ];
  for (const [config, keys] of required)
    for (const key of keys)
      await failsWith(
        () => parse(changed(config, (c, outer) => (delete c[key], key === 'model_type' && delete outer[key]))),
        'MTPLX_E_CONFIG_KEY',
        file,
        key,
        'missing',
      );
  await failsWith(
    () => parse(changed(dense, (c) => delete c['rope_parameters'].rope_theta)),
    'MTPLX_E_CONFIG_KEY',
    'rope_theta',
  );
});

test('the defaults that are allowed', () => {
  const keys = [
    'full_attention_interval',
    'linear_conv_kernel_dim',
    'attn_output_gate',
    'rms_norm_eps',
    'norm_topk_prob',
    'mtp_num_hidden_layers',
    'output_gate_type',
  ];
  const bare = changed(dense, (c) => {
    for (const key of keys) delete c[key];
    delete c['rope_parameters'].partial_rotary_factor;
  });
  assert.equal(parse(bare).spec, parse(dense).spec);
  assert.equal(parse(changed(dense, (c) => delete c['layer_types'])).spec, parse(dense).spec);
});

test('layer_types wins over the interval', () => {
  const types = ['full_attention', 'linear_attention', 'full_attention', 'full_attention'];
  assert.equal(parse(changed(dense, (c) => (c['layer_types'] = types))).spec.layers, [
    'full',
    'linear',
    'full',
    'full',
  ]);
});

test('families without a backend are refused by name', async () => {
  for (const type of [...Object.keys(withoutBackend), 'never_heard_of', 'constructor'])
    await failsWith(() => parse({ model_type: type }), 'MTPLX_E_MODEL_FAMILY', file, type, ...Object.keys(families));
  await failsWith(
    () => parse({ model_type: 'qwen3_5_mtp', text_config: { model_type: 'qwen3_5_mtp' } }),
    'MTPLX_E_MODEL_FAMILY',
    'drafter',
  );
});

const refused: [name: string, change: (text: Json, outer: Json) => void, code: string, ...words: string[]][] = [
  [
    'a gate of another kind',
    (c) => (c['output_gate_type'] = 'sigmoid'),
    'MTPLX_E_CONFIG_UNSUPPORTED',
    'output_gate_type',
    'sigmoid',
  ],
  ['another activation', (c) => (c['hidden_act'] = 'gelu'), 'MTPLX_E_CONFIG_UNSUPPORTED', 'hidden_act', 'gelu'],
  ['YaRN', (c) => (c['rope_parameters'].rope_type = 'yarn'), 'MTPLX_E_CONFIG_UNSUPPORTED', 'rope_type', 'yarn'],
  [
    'YaRN under its old key',
    (c) => (c['rope_scaling'] = { type: 'yarn' }),
    'MTPLX_E_CONFIG_UNSUPPORTED',
    'rope_type',
    'yarn',
  ],
  ['attention biases', (c) => (c['attention_bias'] = true), 'MTPLX_E_CONFIG_UNSUPPORTED', 'attention_bias'],
  [
    'a head with its own embedding',
    (c) => (c['mtp_use_dedicated_embeddings'] = true),
    'MTPLX_E_CONFIG_UNSUPPORTED',
    'mtp_use_dedicated_embeddings',
  ],
  [
    'a head of two layers',
    (c) => (c['mtp_num_hidden_layers'] = 2),
    'MTPLX_E_CONFIG_UNSUPPORTED',
    'mtp_num_hidden_layers',
  ],
  ['too few layer_types', (c) => c['layer_types'].pop(), 'MTPLX_E_CONFIG_KEY', 'layer_types'],
  ['a strange layer type', (c) => (c['layer_types'][1] = 'sliding_attention'), 'MTPLX_E_CONFIG_KEY', 'layer_types.1'],
  ['heads that do not divide', (c) => (c['num_key_value_heads'] = 3), 'MTPLX_E_CONFIG_KEY', 'num_attention_heads'],
  ['a size of 0', (c) => (c['hidden_size'] = 0), 'MTPLX_E_CONFIG_KEY', 'hidden_size'],
  [
    'ties that contradict each other',
    (c, outer) => (outer['tie_word_embeddings'] = !c['tie_word_embeddings']),
    'MTPLX_E_CONFIG_KEY',
    'tie_word_embeddings',
  ],
  [
    'an odd rotation',
    (c) => (c['rope_parameters'].partial_rotary_factor = 0.1),
    'MTPLX_E_CONFIG_KEY',
    'partial_rotary_factor',
  ],
  [
    'FP8',
    (_, outer) => (outer['quantization_config'] = { quant_method: 'fp8' }),
    'MTPLX_E_CONFIG_UNSUPPORTED',
    'quant_method',
    'fp8',
  ],
  [
    'mxfp4',
    (_, outer) => (outer['quantization'] = { bits: 4, group_size: 32, mode: 'mxfp4' }),
    'MTPLX_E_CONFIG_UNSUPPORTED',
    'mode',
    'mxfp4',
  ],
  [
    '7 bits',
    (_, outer) => (outer['quantization'] = { bits: 7, group_size: 64 }),
    'MTPLX_E_CONFIG_UNSUPPORTED',
    'bits',
    '7',
  ],
  [
    'groups of 16',
    (_, outer) => (outer['quantization'] = { bits: 4, group_size: 16 }),
    'MTPLX_E_CONFIG_UNSUPPORTED',
    'group_size',
    '16',
  ],
  [
    'a sidecar outside the folder',
    (_, outer) => (outer['mlx_lm_extra_tensors'] = { mtp_file: '../x' }),
    'MTPLX_E_CONFIG_KEY',
    'mtp_file',
  ],
];
for (const [name, change, code, ...words] of refused)
  test(`refuses ${name}`, () => failsWith(() => parse(changed(dense, change)), code, file, ...words));

test('refuses what is not a JSON object', async () => {
  for (const text of ['', '{', '[]', '3']) await failsWith(() => parseConfig(text, file), 'MTPLX_E_FILE_BROKEN', file);
});

test.run();
