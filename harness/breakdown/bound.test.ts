import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { embeddedModel } from '../../runtime/index.ts';
import { openModelFolder } from '../../runtime/model/folder.ts';
import { weightTraffic } from './bound.ts';

const test = suite('weights that a step reads');

test('the embedded model: everything but the MTP head is read by a step, once', async () => {
  const { weights, spec } = await openModelFolder(embeddedModel);
  const { step, draft } = weightTraffic({ weights, spec });
  const bytes = (keep: (name: string) => boolean): number =>
    [...weights.tensors].reduce((sum, [name, { begin, end }]) => sum + (keep(name) ? end - begin : 0), 0);
  const mtp = bytes((name) => name.startsWith('mtp.'));
  const head = bytes((name) => name.startsWith('embed_tokens.'));
  assert.is(spec.tiedEmbeddings, true);
  assert.ok(mtp > 0 && head > 0);
  assert.is(step, bytes(() => true) - mtp);
  assert.is(draft, mtp + head);
});

test('with a head of its own the embedding is looked up, not read; of experts the chosen ones count', async () => {
  const { spec } = await openModelFolder(embeddedModel);
  const tensor = (bytes: number) => ({ dtype: 'F32', shape: [], begin: 0, end: bytes, file: 0, key: '' });
  const tensors = new Map([
    ['embed_tokens.weight', tensor(1000)],
    ['lm_head.weight', tensor(500)],
    ['layers.0.mlp.experts.up_proj.weight', tensor(80)],
    ['layers.0.mlp.gate.weight', tensor(8)],
    ['mtp.fc.weight', tensor(4)],
  ]);
  const untied = {
    ...spec,
    tiedEmbeddings: false,
    moe: { experts: 8, expertsPerToken: 2, normalise: true, layers: [true] },
  };
  const weights = { files: [], tensors, listing: '', mtpSource: null };
  assert.equal(weightTraffic({ weights, spec: untied }), { step: 500 + 20 + 8, draft: 504 });
});

test.run();
