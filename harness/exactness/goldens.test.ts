import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { EngineModel } from '../../runtime/engine/engine.ts';
import { packageRoot } from '../../runtime/package.ts';
import { skip } from '../../scripts/testing/skip.ts';
import { loadEngineModel } from './testing/engine-model.ts';
import {
  draftDifference,
  type GoldenDifference,
  goldenDifferences,
  goldenFile,
  readGoldens,
  trunkRows,
  wholeDraft,
} from './goldens.ts';
import { greedyDifferences } from './reference.ts';
import { silent } from './sequences.ts';

const test = suite('goldens');
const fixtures = join(packageRoot, 'fixtures');
const bf16Folder = process.env['MTPLX_FIXTURE_BF16'] ?? join(dirname(packageRoot), 'shared/fixture');
const onBf16 = existsSync(join(bf16Folder, 'golden.safetensors'))
  ? test
  : skip(test, 'no ../shared/fixture, and MTPLX_FIXTURE_BF16 does not name the folder of the bf16 weights');

async function agrees(folder: string, bound: number): Promise<void> {
  await using model = await loadEngineModel(folder);
  const texts = await readGoldens(goldenFile(folder)!);
  assert.ok(texts.length > 0);
  for (const golden of texts) {
    for (const difference of await goldenDifferences(model, golden)) within(difference, bound);
    assert.equal((await greedyDifferences(model, golden)).problems, []);
  }
}

function within({ what, values, maxDiff: found }: Omit<GoldenDifference, 'bins'>, bound: number): void {
  assert.ok(values > 0, what);
  assert.ok(found <= bound, `${what}: differs by ${found}, bound ${bound}`);
}

onBf16('bf16 weights in float32 agree with transformers to 2e-4', () => agrees(bf16Folder, 2e-4));

for (const name of ['dense', 'moe', 'next']) {
  const folder = join(fixtures, 'tiny', name);

  test(`the tiny ${name} model agrees with the float64 reference to 1e-4`, () => agrees(folder, 1e-4));

  test(`the tiny ${name} model drafts from true rows and its own provisional ones`, async () => {
    await using model = await loadEngineModel(folder);
    const [golden] = await readGoldens(join(folder, 'golden.safetensors'));
    await compareDrafts(model, golden!.ids);
  });
}

/**
 * A server's drafts at depths 1 … 4: earlier positions through true trunk rows, the cycle's own through the rows that
 * the head made of its drafts. By hand: the head over the whole text with those rows at its end.
 */
async function compareDrafts(model: EngineModel, ids: Int32Array): Promise<void> {
  const { vocabSize, hiddenSize } = model.request.spec;
  const depth = 4;
  const length = ids.length - 1;
  const { hidden } = await trunkRows(model, ids.subarray(0, length));
  await using sequence = await model.createSequence({ mtp: true });
  await sequence.cycle({ ...silent, keep: 0, tokens: ids.subarray(0, length) });
  const tokens = ids.subarray(length);
  const result = await sequence.cycle({ ...silent, keep: length, tokens, depth, draft: wholeDraft });

  let above = hidden;
  let next = ids.subarray(1);
  let support = 0;
  for (let k = 0; k < depth; k++) {
    const head = await model.mtpForward(above, next);
    const count = result.draftCounts[k]!;
    const q = {
      ids: result.draftIds.subarray(support, support + count),
      probabilities: result.draftProbabilities.subarray(support, support + count),
    };
    const difference = draftDifference(q, head.logits.subarray(-vocabSize));
    within({ what: `draft ${k + 1}`, values: count, maxDiff: difference }, 2e-6);
    support += count;
    above = Float32Array.of(...above, ...head.hidden.subarray(-hiddenSize));
    next = Int32Array.of(...next, result.draftTokens[k]!);
  }
}

test.run();
