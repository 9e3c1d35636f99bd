import { mkdir, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { convertModel } from './convert.ts';
import type { ConvertProgress } from './convert.ts';
import { toFloats } from './dtype.ts';
import { openModelFolder } from './folder.ts';
import { normGroup } from './norm-convention.ts';
import { dequantizeRows } from './quantize.ts';
import { embedded, failsWith, inTemporaryFolder, readJson, readTensors, tiny } from './testing/files.ts';
import type { RawTensors } from './testing/files.ts';
import { copyModel, tinyParts, writeModel } from './testing/packagings.ts';

const test = suite('convert');
const options = { bits: 4, groupSize: 64, mtpBits: 4 };
const bf16 = (tensors: RawTensors, key: string): Float32Array => toFloats(tensors.get(key)!.bytes, 'BF16');

test('the names and shapes that mlx-lm looks for, the head beside them', () =>
  inTemporaryFolder(async (folder) => {
    const out = join(folder, 'deep', 'out');
    const result = await convertModel(tiny('dense'), out, options);
    assert.equal(result.files, ['model.safetensors', 'mtp.safetensors']);
    const trunk = await readTensors(join(out, 'model.safetensors'));
    const head = await readTensors(join(out, 'mtp.safetensors'));
    for (const name of trunk.keys()) assert.ok(name.startsWith('language_model.model.'), name);
    for (const name of head.keys()) assert.ok(name.startsWith('mtp.'), name);
    const shape = (name: string): number[] => trunk.get(`language_model.model.${name}`)!.shape;
    assert.equal(shape('layers.0.linear_attn.conv1d.weight'), [192, 4, 1]);
    assert.equal(shape('layers.3.self_attn.q_proj.weight'), [256, 8]);
    assert.equal(shape('layers.3.self_attn.q_proj.scales'), [256, 1]);
    const map = (await readJson(join(out, 'model.safetensors.index.json')))['weight_map'] as object;
    assert.equal(Object.keys(map).toSorted(), [...trunk.keys()].toSorted());
    const config = await readJson(join(out, 'config.json'));
    assert.equal(config['quantization'], { group_size: 64, bits: 4, mode: 'affine' });
    assert.equal(config['quantization_config'], config['quantization']);
    assert.equal(config['mtplx_mtp_quantization'], { group_size: 64, bits: 4, mode: 'affine' });
    assert.equal(await readdir(join(folder, 'deep')), ['out']);
  }));

test('values: within half a step of the source, norms plus 1, the rest as it was', () =>
  inTemporaryFolder(async (folder) => {
    await convertModel(tiny('dense'), join(folder, 'out'), { ...options, bits: 8, mtpBits: 16 });
    const source = await readTensors(join(tiny('dense'), 'model.safetensors'));
    const out = new Map([
      ...(await readTensors(join(folder, 'out', 'model.safetensors'))),
      ...(await readTensors(join(folder, 'out', 'mtp.safetensors'))),
    ]);
    for (const key of source.keys()) {
      const canonical = key.replace('model.language_model.', '');
      const name = key.replace('model.language_model.', 'language_model.model.');
      const before = bf16(source, key);
      const scales = name.endsWith('.weight') ? out.get(name.replace(/weight$/, 'scales')) : undefined;
      if (!scales) {
        const plus = normGroup(canonical) === null ? 0 : 1;
        const after = bf16(out, name);
        for (const [i, value] of before.entries())
          assert.ok(
            Math.abs(after[i]! - (value + plus)) <= plus * 2 ** -7,
            `${name}[${i}]: ${value} became ${after[i]}`,
          );
      } else {
        const biases = bf16(out, name.replace(/weight$/, 'biases'));
        const after = dequantizeRows(
          { packed: out.get(name)!.bytes, scales: toFloats(scales.bytes, 'BF16'), biases },
          8,
          64,
        );
        const worst = before.reduce((most, value, i) => Math.max(most, Math.abs(after[i]! - value)), 0);
        const range = before.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        assert.ok(worst <= range * 0.012, `${name}: ${worst} of ${range}`);
      }
    }
    assert.not.ok(
      [...out.keys()].some((name) => name.startsWith('mtp.') && name.endsWith('.scales')),
      'the head stays as it was',
    );
    assert.not.ok('mtplx_mtp_quantization' in (await readJson(join(folder, 'out', 'config.json'))));
  }));

test('norms that are shifted already are left alone, group by group', () =>
  inTemporaryFolder(async (folder) => {
    const first = join(folder, 'first');
    await convertModel(tiny('dense'), first, { ...options, bits: 4, mtpBits: 16 });
    const shifted = await readTensors(join(first, 'mtp.safetensors'));
    const { config, trunk, mtp } = await tinyParts('dense');
    // The head's own three norms raw, its layer's shifted: what converters that shift by suffix leave behind.
    for (const [name, tensor] of shifted) if (normGroup(name) === 'mtp-layer') mtp.set(name, tensor);
    const mixed = await writeModel(join(folder, 'mixed'), config, { 'model.safetensors': new Map([...trunk, ...mtp]) });
    await convertModel(mixed, join(folder, 'second'), { ...options, bits: 4, mtpBits: 16 });
    assert.equal(await readTensors(join(folder, 'second', 'mtp.safetensors')), shifted);
  }));

test('every architecture converts to a model that opens', () =>
  inTemporaryFolder(async (folder) => {
    for (const name of ['dense', 'moe', 'next'] as const) {
      const out = join(folder, name);
      await convertModel(tiny(name), out, { bits: 3, groupSize: 32, mtpBits: 5 });
      const { plan, spec } = await openModelFolder(out);
      assert.equal([spec.mtp, plan.unused], [true, []]);
      const bits = (module: string) => plan.quantized.find((entry) => entry.module === module);
      assert.equal(bits('layers.0.linear_attn.out_proj'), {
        module: 'layers.0.linear_attn.out_proj',
        bits: 3,
        groupSize: 32,
      });
      assert.is(bits('mtp.fc')?.bits, 5);
      if (name === 'dense') continue;
      for (const gate of ['layers.0.mlp.gate', 'mtp.layers.0.mlp.shared_expert_gate'])
        assert.equal(bits(gate), { module: gate, bits: 8, groupSize: 64 });
      assert.equal(
        plan.tensors.find((tensor) => tensor.name === 'layers.0.mlp.experts.up_proj.weight')!.shape,
        [8, 32, 6],
      );
      const keys = [...(await readTensors(join(out, 'model.safetensors'))).keys()];
      const prefix = name === 'next' ? 'model.' : 'language_model.model.';
      assert.ok(keys.includes(`${prefix}layers.0.mlp.switch_mlp.down_proj.scales`));
      assert.ok(keys.includes(name === 'next' ? 'lm_head.weight' : 'language_model.lm_head.weight'));
    }
  }));

test('modules whose input does not fill whole groups stay as they are', () =>
  inTemporaryFolder(async (folder) => {
    await convertModel(tiny('moe'), join(folder, 'out'), { ...options, groupSize: 64 });
    const { plan } = await openModelFolder(join(folder, 'out'));
    // Experts are 32 wide: their down projection has 32 columns.
    assert.not.ok(plan.quantized.some(({ module }) => module === 'layers.0.mlp.experts.down_proj'));
    assert.ok(plan.quantized.some(({ module }) => module === 'layers.0.mlp.experts.up_proj'));
  }));

test('shards hold the same tensors as one file', () =>
  inTemporaryFolder(async (folder) => {
    await convertModel(tiny('next'), join(folder, 'one'), options);
    const { files } = await convertModel(tiny('next'), join(folder, 'many'), { ...options, shardBytes: 60_000 });
    assert.ok(files.length > 3);
    assert.is(files[0], `model-00001-of-0000${files.length - 1}.safetensors`);
    const many: RawTensors = new Map();
    for (const name of files)
      for (const [key, tensor] of await readTensors(join(folder, 'many', name))) many.set(key, tensor);
    const one = new Map([
      ...(await readTensors(join(folder, 'one', 'model.safetensors'))),
      ...(await readTensors(join(folder, 'one', 'mtp.safetensors'))),
    ]);
    assert.equal(many, one);
    assert.equal(
      (await openModelFolder(join(folder, 'many'))).plan.tensors.length,
      (await openModelFolder(join(folder, 'one'))).plan.tensors.length,
    );
  }));

test('small files come along, a text-only config gets the wrapper', () =>
  inTemporaryFolder(async (folder) => {
    const from = await copyModel(tiny('dense'), join(folder, 'from'));
    const { text_config: text } = await readJson(join(from, 'config.json'));
    await writeFile(join(from, 'config.json'), JSON.stringify({ ...(text as object), vision_config: {} }));
    await writeFile(join(from, 'chat_template.jinja'), 'x');
    await writeFile(join(from, 'generation_config.json'), '{"eos_token_id": [5, 6], "top_k": 20}');
    await convertModel(from, join(folder, 'out'), options);
    const config = await readJson(join(folder, 'out', 'config.json'));
    assert.equal(
      [config['model_type'], (config['text_config'] as Record<string, unknown>)['model_type']],
      ['qwen3_5', 'qwen3_5_text'],
    );
    const model = await openModelFolder(join(folder, 'out'));
    assert.equal([model.stopIds, model.generation.topK], [[0, 5, 6], 20]);
    assert.is(await readFile(model.files.template!, 'utf8'), 'x');
  }));

test('progress rises to the end', () =>
  inTemporaryFolder(async (folder) => {
    const seen: ConvertProgress[] = [];
    await convertModel(tiny('dense'), join(folder, 'out'), {
      ...options,
      onProgress: (progress) => seen.push(progress),
    });
    for (const [i, { doneBytes }] of seen.entries()) assert.ok(doneBytes >= (seen[i - 1]?.doneBytes ?? 0));
    assert.is(seen.at(-1)!.doneBytes, seen[0]!.totalBytes);
  }));

test('refuses what makes no sense, and leaves nothing behind', () =>
  inTemporaryFolder(async (folder) => {
    const out = join(folder, 'out');
    await failsWith(() => convertModel(embedded, out, options), 'MTPLX_E_CONVERT', embedded, 'quantised already');
    for (const bad of [{ bits: 7 }, { groupSize: 48 }, { mtpBits: 1 }])
      await failsWith(
        () => convertModel(tiny('dense'), out, { ...options, ...bad }),
        'MTPLX_E_CONVERT',
        String(Object.values(bad)[0]),
      );
    const controller = new AbortController();
    const onProgress = ({ doneBytes }: ConvertProgress): void => {
      if (doneBytes > 0) controller.abort();
    };
    await failsWith(
      () => convertModel(tiny('dense'), out, { ...options, onProgress, signal: controller.signal }),
      'MTPLX_E_CONVERT',
      'cancelled',
    );
    const cut = await copyModel(tiny('dense'), join(folder, 'cut'));
    await truncate(join(cut, 'model.safetensors'), 100_000);
    await failsWith(() => convertModel(cut, out, options), 'MTPLX_E_FILE_TRUNCATED', 'model.safetensors');
    assert.equal(await readdir(folder), ['cut']);
    await mkdir(out);
    await writeFile(join(out, 'keep'), 'me');
    await failsWith(() => convertModel(tiny('dense'), out, options), 'MTPLX_E_CONVERT', out, 'not empty');
    assert.equal(await readdir(out), ['keep']);
  }));

test.run();
