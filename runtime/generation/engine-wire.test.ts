import { existsSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { DrawSpec, RowEdits } from '../engine/types.ts';
import { skip } from '../../scripts/testing/skip.ts';
import { MtplxError } from '../errors.ts';
import { openModelFolder } from '../model/folder.ts';
import { embeddedModel } from '../model/embedded.ts';
import { addon, addonPath } from '../engine/addon.ts';
import { EngineModel } from '../engine/engine.ts';
import type { EngineSequence } from '../engine/sequence.ts';
import { encodeBatch } from '../engine/wire.ts';

// Both sides of the wire together: each field must have the effect that native/types.ts describes.
const test = suite('wire');
const onEngine = existsSync(addonPath()) ? test : skip(test, 'the addon is not built: npm run build:native');

const prompt = Int32Array.of(20, 30, 40, 50);
const noEdits: RowEdits = {
  ids: new Int32Array(),
  multiply: new Float32Array(),
  add: new Float32Array(),
  mask: new Uint32Array(),
};

async function onSequence(body: (sequence: EngineSequence, vocab: number) => Promise<void>): Promise<void> {
  const { plan } = await openModelFolder(embeddedModel);
  const { files, tensors, quantized, spec } = plan;
  const model = await EngineModel.load({ files, tensors, quantized, spec, draftHead: null });
  const sequence = await model.createSequence({ mtp: true });
  try {
    await body(sequence, spec.vocabSize);
  } finally {
    await sequence.dispose();
    await model.dispose();
  }
}

const promptEntry = { keep: 0, tokens: prompt, depth: 0, commits: false, draft: null, logits: 'last' } as const;

async function lastRow(sequence: EngineSequence, count: number, draw: DrawSpec | null = null, edits: RowEdits[] = []) {
  return sequence.cycle({ ...promptEntry, candidates: { temperature: 0.5, count }, draw, edits });
}

onEngine('edits and masks reach the row that they are for', async () => {
  await onSequence(async (sequence, vocab) => {
    const plain = await lastRow(sequence, vocab);
    const logit = (ids: Int32Array, logits: Float32Array, id: number): number => logits[ids.indexOf(id)]!;
    const add = Math.fround(1.5);
    const edits = [{ ...noEdits, ids: Int32Array.of(7), multiply: Float32Array.of(0.5), add: Float32Array.of(add) }];
    const expected = Math.fround(Math.fround(logit(plain.ids, plain.logits, 7) * 0.5) + add);
    const edited = await lastRow(sequence, vocab, null, edits);
    assert.is(logit(edited.ids, edited.logits, 7), expected);
    assert.is(logit(edited.ids, edited.logits, 8), logit(plain.ids, plain.logits, 8));
    const mask = new Uint32Array(Math.ceil(vocab / 32));
    mask[1] = 2 ** 31 + 1;
    const masked = await sequence.candidates([{ ...noEdits, mask }], { temperature: 0.5, count: 3 }, null);
    assert.equal(
      [...masked.ids.subarray(0, 2)].toSorted((a, b) => a - b),
      [32, 63],
    );
    assert.is(masked.logits[2], -Infinity);
  });
});

onEngine('filters, uniforms and both halves of a seed reach the draw', async () => {
  await onSequence(async (sequence) => {
    const greedy = { temperature: 0, topP: 1, topK: 0 };
    const { ids, drawn } = await lastRow(sequence, 1, { filter: greedy, noise: { kind: 'none' } });
    assert.equal(drawn, ids);
    const filter = { temperature: 5, topP: 1, topK: 0 };
    const draw = async (noise: DrawSpec['noise']): Promise<number> =>
      (await sequence.candidates([], { temperature: 1, count: 1 }, { filter, noise })).drawn[0]!;
    const first = await draw({ kind: 'uniform', uniforms: Float64Array.of(1e-9) });
    assert.is(first, ids[0]);
    const seeds = [5n, 5n + (1n << 32n), 5n + (1n << 63n)];
    const drawnBy = await Promise.all(seeds.map((seed) => draw({ kind: 'gumbel', seed, choice: 0 })));
    assert.is(new Set(drawnBy).size, 3);
    assert.not.equal(await draw({ kind: 'gumbel', seed: 5n, choice: 1 }), drawnBy[0]);
    assert.is(await draw({ kind: 'gumbel', seed: 5n, choice: 0 }), drawnBy[0]);
  });
});

onEngine('drafts come with supports that add up to 1, and with times', async () => {
  await onSequence(async (sequence) => {
    await lastRow(sequence, 1);
    const result = await sequence.cycle({
      keep: prompt.length,
      tokens: Int32Array.of(60),
      depth: 3,
      commits: false,
      draft: {
        filter: { temperature: 0.7, topP: 0.9, topK: 4 },
        noise: { kind: 'uniform', uniforms: Float64Array.of(0.1, 0.5, 0.9) },
      },
      logits: 'all',
      candidates: { temperature: 0.6, count: 5 },
      draw: null,
      edits: [],
    });
    assert.is(result.draftTokens.length, 3);
    assert.is(result.ids.length, 20);
    assert.is(result.logits.length, 20);
    assert.is(result.logSums.length, 8);
    let at = 0;
    result.draftCounts.forEach((count, i) => {
      assert.ok(count >= 1 && count <= 4);
      assert.ok(result.draftIds.subarray(at, at + count).includes(result.draftTokens[i]!));
      const mass = result.draftProbabilities.subarray(at, at + count).reduce((a, b) => a + b, 0);
      assert.ok(Math.abs(mass - 1) < 1e-12);
      at += count;
    });
    assert.is(at, result.draftIds.length);
    const { commit, draft, verify, candidates, total } = result.times;
    assert.ok(draft > 0 && verify > 0 && candidates > 0);
    assert.ok(commit + draft + verify + candidates <= total);
  });
});

onEngine('numbers that are no batch are refused by code', async () => {
  for (const numbers of [[], [0], [1], [1, 2, 3], [NaN], [0.5], [-1], [1e12]]) {
    const error = await addon()
      .cycle(new Float64Array(numbers))
      .then(
        () => null,
        (caught: unknown) => caught as { code: string },
      );
    assert.is(error?.code, 'MTPLX_E_ENGINE_USAGE', `[${numbers.join()}]`);
  }
});

test('edits of uneven lengths are refused before they are packed', () => {
  const edits = [{ ...noEdits, ids: Int32Array.of(1) }];
  assert.throws(
    () => encodeBatch([1], [{ ...promptEntry, draw: null, edits, candidates: { temperature: 1, count: 1 } }]),
    (error: unknown) => error instanceof MtplxError && error.code === 'MTPLX_E_ENGINE_USAGE',
  );
});

test.run();
