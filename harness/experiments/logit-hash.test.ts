import { existsSync } from 'node:fs';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decode } from '../../runtime/decoding/cycle.ts';
import { addonPath } from '../../runtime/engine/addon.ts';
import type { CycleResult } from '../../runtime/engine/types.ts';
import { embeddedModel, loadModel } from '../../runtime/index.ts';
import { skip } from '../../scripts/testing/skip.ts';
import { jobDecoding } from '../bench/measure.ts';
import { LogitHashes, logitHash } from './logit-hash.ts';

const test = suite('logit hash');

function result(count: number): CycleResult {
  return {
    draftTokens: new Int32Array(0),
    draftCounts: new Int32Array(0),
    draftIds: new Int32Array(0),
    draftProbabilities: new Float64Array(0),
    ids: Int32Array.from({ length: count }, (_, i) => i),
    logits: Float32Array.from({ length: count }, (_, i) => 1 / (i + 1)),
    logSums: Float64Array.of(1.5, 2.5),
    drawn: new Int32Array(0),
    times: { commit: 0, draft: 0, verify: 0, candidates: 0, total: 0 },
  };
}

test('any changed bit changes the hash, times do not', () => {
  const expected = logitHash(result(20));
  assert.match(expected, /^[0-9a-f]{16}$/);
  const other = result(20);
  other.times.total = 9;
  assert.is(logitHash(other), expected);
  fc.assert(
    fc.property(
      fc.constantFrom('ids' as const, 'logits' as const, 'logSums' as const),
      fc.nat(),
      fc.nat(7),
      (part, at, bit) => {
        const changed = result(20);
        const bytes = new Uint8Array(changed[part].buffer);
        bytes[at % bytes.length]! ^= 1 << bit;
        assert.is.not(logitHash(changed), expected);
      },
    ),
  );
});

test('one hash a step, the earlier chunks of a prefill left out; large results do not wait', () => {
  const hashes = new LogitHashes();
  for (const count of [0, 1, 20_000, 3]) hashes.observe(result(count));
  assert.equal(
    hashes.take(3),
    [1, 20_000, 3].map((count) => logitHash(result(count))),
  );
  hashes.observe(result(5));
  assert.equal(hashes.take(1), [logitHash(result(5))]);
});

const onEngine = existsSync(addonPath()) ? test : skip(test, 'the addon is not built: npm run build:native');
onEngine('a generation repeats its hashes, another seed has others', async () => {
  await using model = await loadModel(embeddedModel);
  const prompt = await model.encode('def quicksort(values):');
  const settings = {
    max_tokens: 12,
    ignore_stop_tokens: true,
    chat_template: false,
    warm_up_tokens: 2,
    acceptance: 'coupled' as const,
    sampler: { temperature: 0.6, top_p: 0.95, top_k: 20 },
    draft_sampler: { temperature: 0.6, top_p: 0.95, top_k: 20 },
  };
  const run = async (seed: number): Promise<string[]> => {
    const hashes = new LogitHashes();
    const arm = { name: 'mtp-d2', depth: 2 };
    const options = jobDecoding({ settings }, model, { arm, acceptance: 'coupled', seed });
    const sequence = await model.engine.createSequence({ mtp: true });
    try {
      let steps = 0;
      // Chunks of the prompt give rows nobody decides from.
      const chunked = { ...options, prefillChunk: 3, onResult: hashes.observe };
      for await (const { tokens } of decode(sequence, prompt, 0, chunked)) steps += Number(tokens.length > 0);
      return hashes.take(steps);
    } finally {
      await sequence.dispose();
    }
  };
  const first = await run(1);
  assert.ok(first.length >= 4 && new Set(first).size === first.length);
  assert.equal(await run(1), first);
  assert.not.equal(await run(2), first);
});

test.run();
