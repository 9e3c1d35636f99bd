import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { TensorPlan } from '../engine/types.ts';
import { convertModel } from './convert.ts';
import { openModelFolder } from './folder.ts';
import type { ModelFolder } from './folder.ts';
import { TensorReader } from './tensor-reader.ts';
import {
  embedded,
  failsWith,
  inTemporaryFolder,
  readJson,
  readTensors,
  renamed,
  tiny,
  writeJson,
  writeTensors,
} from './testing/files.ts';
import type { RawTensors } from './testing/files.ts';
import { copyModel, shards, tinyParts, writeModel } from './testing/packagings.ts';

const test = suite('load plan');

/** Canonical name → the bytes that the engine would see. */
async function contents({ weights, plan }: ModelFolder): Promise<Map<string, string>> {
  const reader = await TensorReader.open(weights.files);
  try {
    const read = async (tensor: TensorPlan): Promise<string> => {
      const parts: Uint8Array[] = [];
      for await (const bytes of reader.rows(tensor, 100)) parts.push(bytes);
      return Buffer.concat(parts).toString('base64');
    };
    return new Map(await Promise.all(plan.tensors.map(async (tensor) => [tensor.name, await read(tensor)] as const)));
  } finally {
    await reader.close();
  }
}

const original = {
  dense: await openModelFolder(tiny('dense')),
  moe: await openModelFolder(tiny('moe')),
  next: await openModelFolder(tiny('next')),
};
const expected = {
  dense: await contents(original.dense),
  moe: await contents(original.moe),
  next: await contents(original.next),
};
const dense = await tinyParts('dense');
const merged = (...parts: RawTensors[]): RawTensors => new Map(parts.flatMap((part) => [...part]));
const bare = renamed(dense.mtp, (key) => key.replace('mtp.', ''));
const prefixed = (tensors: RawTensors, prefix: string): RawTensors => renamed(tensors, (key) => prefix + key);

async function sameAsDense(model: ModelFolder, mtpSource: string | null): Promise<void> {
  const wanted =
    mtpSource === null ? new Map([...expected.dense].filter(([name]) => !name.startsWith('mtp.'))) : expected.dense;
  assert.equal(await contents(model), wanted);
  assert.is(model.spec.mtp, mtpSource !== null);
  assert.is(model.weights.mtpSource, mtpSource);
}

test('the embedded model: everything planned, nothing left', async () => {
  const { plan, spec, weights, stopIds } = await openModelFolder(embedded);
  assert.is(spec.mtp, true);
  assert.is(weights.mtpSource, 'mtp.safetensors');
  assert.equal(plan.unused, []);
  assert.equal(stopIds, [0, 2]);
  // 12 layers of 8 linears and 4 of 7, the embedding, the head's 8.
  assert.is(plan.quantized.length, 12 * 8 + 4 * 7 + 1 + 8);
  for (const { bits, groupSize } of plan.quantized) assert.equal([bits, groupSize], [4, 64]);
});

test('names of Hugging Face, of MLX, and flat ones', () =>
  inTemporaryFolder(async (folder) => {
    const rename = (prefix: string): RawTensors =>
      renamed(dense.trunk, (key) => key.replace('model.language_model.', prefix));
    for (const prefix of ['model.language_model.', 'language_model.model.', 'model.', ''])
      await sameAsDense(
        await openModelFolder(
          await writeModel(join(folder, 'm'), dense.config, { 'model.safetensors': merged(rename(prefix), dense.mtp) }),
        ),
        'model.safetensors',
      );
  }));

test('a head embedded in shards, under each prefix', () =>
  inTemporaryFolder(async (folder) => {
    for (const prefix of ['', 'language_model.', 'model.']) {
      const files = shards(merged(dense.trunk, prefixed(dense.mtp, prefix)), 3);
      for (const index of [Object.keys(files), []]) {
        const model = await openModelFolder(await writeModel(join(folder, 'm'), dense.config, files, index));
        await sameAsDense(model, model.weights.mtpSource);
        assert.match(model.weights.mtpSource!, /^model-0000\d-of-00003/);
      }
    }
  }));

test('a head in a sidecar that no index lists', () =>
  inTemporaryFolder(async (folder) => {
    const cases: [string, RawTensors][] = [
      ['mtp.safetensors', dense.mtp],
      ['mtp.safetensors', bare],
      ['mtp/weights.safetensors', bare],
      ['mtp/model.safetensors', dense.mtp],
      ['model-mtp.safetensors', prefixed(dense.mtp, 'language_model.')],
      ['model_extra_tensors.safetensors', dense.mtp],
    ];
    for (const [name, head] of cases) {
      const files = { ...shards(dense.trunk, 2), [name]: head };
      await sameAsDense(
        await openModelFolder(
          await writeModel(join(folder, 'm'), dense.config, files, Object.keys(shards(dense.trunk, 2))),
        ),
        name,
      );
      await sameAsDense(
        await openModelFolder(
          await writeModel(join(folder, 'm'), dense.config, { 'model.safetensors': dense.trunk, [name]: head }),
        ),
        name,
      );
    }
    const config = { ...dense.config, mlx_lm_extra_tensors: { mtp_file: 'heads/one.safetensors' } };
    await sameAsDense(
      await openModelFolder(
        await writeModel(join(folder, 'm'), config, {
          'model.safetensors': dense.trunk,
          'heads/one.safetensors': bare,
        }),
      ),
      'heads/one.safetensors',
    );
  }));

test('a drafter folder of its own wins over the head inside', () =>
  inTemporaryFolder(async (folder) => {
    const zeros: RawTensors = new Map(
      [...dense.mtp].map(([key, tensor]) => [key, { ...tensor, bytes: new Uint8Array(tensor.bytes.length) }]),
    );
    const drafter = await writeModel(
      join(folder, 'drafter'),
      { model_type: 'qwen3_5_mtp' },
      { 'model.safetensors': bare },
    );
    const path = await writeModel(join(folder, 'm'), dense.config, { 'model.safetensors': merged(dense.trunk, zeros) });
    await sameAsDense(await openModelFolder(path, { drafter }), join('..', 'drafter', 'model.safetensors'));
    await sameAsDense(
      await openModelFolder(path, { drafter: join(drafter, 'model.safetensors') }),
      join('..', 'drafter', 'model.safetensors'),
    );
    assert.is(
      (await contents(await openModelFolder(path))).get('mtp.fc.weight'),
      Buffer.from(zeros.get('mtp.fc.weight')!.bytes).toString('base64'),
    );
    await failsWith(() => openModelFolder(drafter), 'MTPLX_E_MODEL_FAMILY', 'drafter');
  }));

test('a config that promises a head without tensors means no head', () =>
  inTemporaryFolder(async (folder) => {
    const model = await openModelFolder(
      await writeModel(join(folder, 'm'), dense.config, { 'model.safetensors': dense.trunk }),
    );
    assert.is(model.config.declaredMtpLayers, 1);
    await sameAsDense(model, null);
  }));

test('a head that the config does not mention is there', async () => {
  assert.equal([original.next.config.declaredMtpLayers, original.next.spec.mtp], [0, true]);
});

test('the vision part is ignored, a tied lm_head is not used', () =>
  inTemporaryFolder(async (folder) => {
    const [, any] = [...dense.trunk][1]!;
    const extra: RawTensors = new Map([
      ['model.visual.blocks.0.weight', any],
      ['vision_tower.x', any],
      ['lm_head.weight', any],
    ]);
    const model = await openModelFolder(
      await writeModel(join(folder, 'm'), dense.config, { 'model.safetensors': merged(dense.trunk, extra) }),
    );
    await sameAsDense(model, null);
    assert.equal(model.plan.unused, ['lm_head.weight']);
  }));

test('experts: fused, one by one, and stacked give the same bytes', () =>
  inTemporaryFolder(async (folder) => {
    const ops = (model: ModelFolder, path: string): string[] =>
      model.plan.tensors.filter(({ name }) => name.startsWith(path)).map(({ op }) => op);
    assert.equal(ops(original.moe, 'layers.0.mlp.experts.'), ['first-half', 'second-half', 'take']);
    assert.equal(ops(original.moe, 'mtp.layers.0.mlp.experts.'), ['stack', 'stack', 'stack']);
    const { config, trunk, mtp } = await tinyParts('moe');
    // Stack by the plan itself, then rename as MLX does; and hold one projection against the fused source by hand.
    const stacked: RawTensors = new Map();
    for (const { name, shape } of original.moe.plan.tensors) {
      if (!name.includes('.experts.')) continue;
      stacked.set(name.replace('.experts.', '.switch_mlp.'), {
        dtype: 'BF16',
        shape,
        bytes: Buffer.from(expected.moe.get(name)!, 'base64'),
      });
    }
    const rest = renamed(merged(trunk, mtp), (key) => (key.includes('.experts.') ? null : key));
    const again = await openModelFolder(
      await writeModel(join(folder, 'm'), config, { 'model.safetensors': merged(rest, stacked) }),
    );
    assert.equal(ops(again, 'layers.0.mlp.experts.'), ['take', 'take', 'take']);
    assert.equal(await contents(again), expected.moe);
    const fused = Buffer.from(trunk.get('model.language_model.layers.0.mlp.experts.gate_up_proj')!.bytes);
    const size = 32 * 64 * 2;
    const halves = (second: number): Buffer =>
      Buffer.concat(
        Array.from({ length: 8 }, (_, e) => fused.subarray((2 * e + second) * size, (2 * e + second + 1) * size)),
      );
    assert.is(expected.moe.get('layers.0.mlp.experts.gate_proj.weight'), halves(0).toString('base64'));
    assert.is(expected.moe.get('layers.0.mlp.experts.up_proj.weight'), halves(1).toString('base64'));
  }));

test('both layouts of the convolution, told by the shape', () =>
  inTemporaryFolder(async (folder) => {
    const mlx: RawTensors = new Map(
      [...dense.trunk].map(([key, t]) => [
        key,
        key.endsWith('conv1d.weight') ? { ...t, shape: [t.shape[0]!, t.shape[2]!, 1] } : t,
      ]),
    );
    const model = await openModelFolder(
      await writeModel(join(folder, 'm'), dense.config, { 'model.safetensors': mlx }),
    );
    await sameAsDense(model, null);
    const shape = (m: ModelFolder): number[] =>
      m.plan.tensors.find(({ name }) => name.endsWith('conv1d.weight'))!.shape;
    assert.equal(
      [shape(original.dense), shape(model)],
      [
        [192, 1, 4],
        [192, 4, 1],
      ],
    );
  }));

const q = 'model.language_model.layers.3.self_attn.q_proj.weight';
const broken: [name: string, change: (tensors: RawTensors) => void, code: string, ...words: string[]][] = [
  [
    'a missing tensor',
    (t) => t.delete(q),
    'MTPLX_E_TENSOR_MISSING',
    'layers.3.self_attn.q_proj.weight',
    '[256, 64]',
    'nothing',
  ],
  [
    'a missing tensor of the head',
    (t) => t.delete('mtp.layers.0.mlp.up_proj.weight'),
    'MTPLX_E_TENSOR_MISSING',
    'mtp.layers.0.mlp.up_proj.weight',
    '[128, 64]',
  ],
  [
    'a wrong shape',
    (t) => t.set(q, { ...t.get(q)!, shape: [64, 256] }),
    'MTPLX_E_TENSOR_SHAPE',
    q,
    '[256, 64]',
    '[64, 256]',
  ],
  ['a wrong element type', (t) => t.set(q, { ...t.get(q)!, dtype: 'I16' }), 'MTPLX_E_TENSOR_DTYPE', q, 'BF16', 'I16'],
  [
    'a convolution of another shape',
    (t) =>
      t.set('model.language_model.layers.0.linear_attn.conv1d.weight', {
        ...t.get('model.language_model.layers.0.linear_attn.conv1d.weight')!,
        shape: [4, 1, 192],
      }),
    'MTPLX_E_TENSOR_SHAPE',
    'layers.0.linear_attn.conv1d.weight',
    '[192, 1, 4] or [192, 4, 1]',
    '[4, 1, 192]',
  ],
  [
    'the same tensor under two names',
    (t) => t.set('model.norm.weight', t.get('model.language_model.norm.weight')!),
    'MTPLX_E_FILE_BROKEN',
    'norm.weight',
  ],
];
for (const [name, change, code, ...words] of broken) {
  test(`refuses ${name}`, () =>
    inTemporaryFolder(async (folder) => {
      const tensors = merged(dense.trunk, dense.mtp);
      change(tensors);
      const path = await writeModel(join(folder, 'm'), dense.config, { 'model.safetensors': tensors });
      await failsWith(() => openModelFolder(path), code, join(path, 'model.safetensors'), ...words);
    }));
}

test('a missing expert, and one that is unlike the others', () =>
  inTemporaryFolder(async (folder) => {
    const { config, trunk, mtp } = await tinyParts('next');
    const key = 'model.layers.2.mlp.experts.5.up_proj.weight';
    const without = renamed(trunk, (name) => (name === key ? null : name));
    const path = await writeModel(join(folder, 'm'), config, { 'model.safetensors': merged(without, mtp) });
    await failsWith(
      () => openModelFolder(path),
      'MTPLX_E_TENSOR_MISSING',
      'model.safetensors',
      'layers.2.mlp.experts.5.up_proj.weight',
      '[32, 64]',
    );
    const odd = merged(trunk, mtp, new Map([[key, { ...trunk.get(key)!, shape: [64, 32] }]]));
    await writeModel(path, config, { 'model.safetensors': odd });
    await failsWith(
      () => openModelFolder(path),
      'MTPLX_E_TENSOR_SHAPE',
      'model.safetensors',
      key,
      '[32, 64]',
      '[64, 32]',
    );
  }));

test('a truncated file, an index that lies, no weights at all', () =>
  inTemporaryFolder(async (folder) => {
    const path = join(folder, 'm');
    await copyModel(tiny('dense'), path);
    await truncate(join(path, 'model.safetensors'), 400_000);
    await failsWith(() => openModelFolder(path), 'MTPLX_E_FILE_TRUNCATED', join(path, 'model.safetensors'), '400000');
    const files = shards(dense.trunk, 2);
    const names = Object.keys(files);
    await writeModel(path, dense.config, files, names);
    const index = join(path, 'model.safetensors.index.json');
    const map = (await readJson(index))['weight_map'] as Record<string, string>;
    await writeJson(index, { weight_map: { ...map, [q]: map[q] === names[0] ? names[1] : names[0] } });
    await failsWith(() => openModelFolder(path), 'MTPLX_E_TENSOR_MISSING', q, 'index.json');
    await writeJson(index, { weight_map: { ...map, x: 'model-00009.safetensors' } });
    await failsWith(() => openModelFolder(path), 'MTPLX_E_FILE_BROKEN', 'model-00009.safetensors', 'missing');
    await writeJson(index, { weight_map: { ...map, x: '../../x.safetensors' } });
    await failsWith(() => openModelFolder(path), 'MTPLX_E_FILE_BROKEN', 'index.json', '../../x');
    await writeFile(index, '{}');
    await failsWith(() => openModelFolder(path), 'MTPLX_E_FILE_BROKEN', 'weight_map');
    await writeModel(path, dense.config, {});
    await failsWith(() => openModelFolder(path), 'MTPLX_E_MODEL_NOT_FOUND', path, 'safetensors');
    await failsWith(
      () => openModelFolder(join(folder, 'nowhere')),
      'MTPLX_E_MODEL_NOT_FOUND',
      'nowhere',
      'config.json',
    );
  }));

const layer = 'layers.3.self_attn.o_proj';
const key = (part: string): string => `language_model.model.${layer}.${part}`;
/** The tiny dense model at 4 bits, changed. */
async function quantized(
  folder: string,
  change: (tensors: RawTensors, config: Record<string, any>) => void,
): Promise<string> {
  const path = join(folder, 'q');
  await convertModel(tiny('dense'), join(folder, 'c'), { bits: 4, groupSize: 64, mtpBits: 4 });
  const tensors = await readTensors(join(folder, 'c', 'model.safetensors'));
  const mtp = await readTensors(join(folder, 'c', 'mtp.safetensors'));
  const config = await readJson(join(folder, 'c', 'config.json'));
  change(tensors, config);
  return writeModel(path, config, { 'model.safetensors': tensors, 'mtp.safetensors': mtp });
}
const impossible: [
  name: string,
  change: (tensors: RawTensors, config: Record<string, any>) => void,
  code: string,
  ...words: string[],
][] = [
  [
    '7 bits by shape',
    (t) => t.set(key('weight'), { dtype: 'U32', shape: [64, 28], bytes: new Uint8Array(64 * 28 * 4) }),
    'MTPLX_E_QUANTIZATION',
    key('weight'),
    '7 bits',
    '[64, 28]',
  ],
  [
    'groups of 128 where there are 64',
    (t) => t.set(key('scales'), { dtype: 'BF16', shape: [64, 1], bytes: new Uint8Array(128) }),
    'MTPLX_E_QUANTIZATION',
    key('weight'),
    '64',
    '128',
  ],
  [
    'groups of no size',
    (t) => t.set(key('scales'), { dtype: 'BF16', shape: [64, 3], bytes: new Uint8Array(64 * 6) }),
    'MTPLX_E_QUANTIZATION',
    key('weight'),
    '[64, 3]',
  ],
  [
    'other bits than the config says',
    (_, c) => (c['quantization'].bits = 8),
    'MTPLX_E_QUANTIZATION',
    'embed_tokens.weight',
    '8 bits',
    '4 bits',
  ],
  [
    'other bits than an override says',
    (_, c) => (c['quantization'][`language_model.model.${layer}`] = { bits: 5, group_size: 64 }),
    'MTPLX_E_QUANTIZATION',
    key('weight'),
    '5 bits',
  ],
  [
    'scales where the config says none',
    (_, c) => (c['quantization'][`language_model.model.${layer}`] = false),
    'MTPLX_E_QUANTIZATION',
    key('weight'),
    'no quantisation',
  ],
  [
    'no biases',
    (t) => t.delete(key('biases')),
    'MTPLX_E_TENSOR_MISSING',
    `${layer}.biases`,
    '[64, 2]',
    `${layer}.scales`,
  ],
  ['no scales', (t) => t.delete(key('scales')), 'MTPLX_E_TENSOR_DTYPE', key('weight'), 'U32'],
  [
    'integer scales',
    (t) => t.set(key('scales'), { ...t.get(key('scales'))!, dtype: 'U16' }),
    'MTPLX_E_TENSOR_DTYPE',
    key('scales'),
    'U16',
  ],
];
for (const [name, change, code, ...words] of impossible)
  test(`refuses ${name}`, () =>
    inTemporaryFolder(async (folder) => {
      const path = await quantized(folder, change);
      await failsWith(() => openModelFolder(path), code, 'model.safetensors', ...words);
    }));

test('overrides by module, in any spelling, and a head of its own bits', () =>
  inTemporaryFolder(async (folder) => {
    const eight: RawTensors = new Map();
    const path = await quantized(folder, (tensors, config) => {
      eight.set(key('weight'), { dtype: 'U32', shape: [64, 32], bytes: new Uint8Array(64 * 128) });
      for (const [name, tensor] of eight) tensors.set(name, tensor);
      config['quantization'][`model.language_model.${layer}`] = { bits: 8, group_size: 64 };
      delete config['mtplx_mtp_quantization'];
      config['quantization'].bits = 4;
    });
    const { plan } = await openModelFolder(path);
    assert.equal(
      plan.quantized.find(({ module }) => module === layer),
      { module: layer, bits: 8, groupSize: 64 },
    );
    assert.equal(
      plan.quantized.find(({ module }) => module === 'mtp.fc'),
      { module: 'mtp.fc', bits: 4, groupSize: 64 },
    );
  }));

test('the hash names the checkpoint, not its place', () =>
  inTemporaryFolder(async (folder) => {
    const copy = await copyModel(tiny('dense'), join(folder, 'copy'));
    assert.is((await openModelFolder(copy)).hash, original.dense.hash);
    assert.is.not(original.moe.hash, original.dense.hash);
    const tensors = await readTensors(join(copy, 'model.safetensors'));
    const embedding = tensors.get('model.language_model.embed_tokens.weight')!;
    tensors.set('model.language_model.embed_tokens.weight', {
      ...embedding,
      bytes: embedding.bytes.map((byte) => byte ^ 1),
    });
    await writeModel(copy, dense.config, {});
    await writeTensors(join(copy, 'model.safetensors'), tensors);
    assert.is.not((await openModelFolder(copy)).hash, original.dense.hash);
  }));

test.run();
