import { existsSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decode, type DecodingOptions, type DepthPolicy } from '../decoding/cycle.ts';
import { addonPath } from '../engine/addon.ts';
import { embeddedModel, loadModel, type Model, type MtplxError } from '../index.ts';
import { skip } from '../../scripts/testing/skip.ts';

const test = suite('depth on the engine');
const onEngine = existsSync(addonPath()) ? test : skip(test, 'the addon is not built: npm run build:native');
const prompt = 'export function parse(text: string): Token[] {\n';

let loaded: Model | undefined;
const model = async (): Promise<Model> => (loaded ??= await loadModel(embeddedModel, { threads: 1 }));
test.after(async () => loaded?.dispose());

/** Depths in this order again and again, also plain stretches that are longer than the engine defers MTP rows. */
function inTurn(depths: readonly number[]): DepthPolicy {
  let cycle = 0;
  return {
    drafts: true,
    changes: [],
    get depth() {
      return depths[cycle % depths.length]!;
    },
    observe: () => void (cycle += 1),
  };
}

async function textAt(options: Partial<DecodingOptions>): Promise<number[]> {
  const one = await model();
  const { engine, folder } = one;
  const tokens: number[] = [];
  const drafts = options.depthPolicy !== undefined || (options.depth ?? 0) > 0;
  const sequence = await engine.createSequence({ mtp: drafts });
  const sampler = { temperature: 0.8, topP: 0.95, topK: 20 };
  for await (const step of decode(sequence, await one.encode(prompt), 0, {
    sampler,
    draftSampler: sampler,
    acceptance: 'coupled',
    key: { seed: 5n, choice: 0 },
    depth: 0,
    maxTokens: 150,
    stopIds: new Set(),
    vocabSize: folder.spec.vocabSize,
    ...options,
  }))
    tokens.push(...step.tokens);
  await sequence.dispose();
  return tokens;
}

onEngine('a coupled text is the same under any changes of depth, long plain stretches included', async () => {
  const plain = await textAt({});
  const stretch = Array.from({ length: 70 }, () => 0);
  for (const depths of [
    [3, 0, 1, 5, 0, 2],
    [0, 4],
    [...stretch, 5, 3],
  ])
    assert.equal(await textAt({ depthPolicy: inTurn(depths) }), plain, `${depths.join()}`);
});

onEngine(
  'generate chooses the depth itself, with the text of a fixed one; estimates last from one to the next',
  async () => {
    const one = await model();
    const options = { maxTokens: 60, seed: 9, ignoreStopTokens: true };
    const automatic = one.generate(prompt, options);
    const text = await automatic.text();
    assert.is(text, await one.generate(prompt, { ...options, depth: 2 }).text());
    const policy = automatic.decoding!.depthPolicy!;
    assert.is(
      automatic.tally.cyclesAt.reduce((a, b) => a + b),
      automatic.tally.counts.cycles,
    );
    const depthNow = policy.depth;
    const next = one.generate(prompt, options);
    await next.text();
    assert.is.not(next.decoding!.depthPolicy, policy);
    assert.is(next.decoding!.depth, next.decoding!.depthPolicy!.drafts ? depthNow : 0);
  },
);

onEngine('what a seed promises: leviathan stays at the starting depth, and auto is refused beside it', async () => {
  const one = await model();
  const options = { maxTokens: 8, seed: 1, acceptance: 'leviathan' as const, temperature: 0.6 };
  const fixed = one.generate(prompt, options);
  await fixed.text();
  assert.is(fixed.decoding!.depthPolicy, undefined);
  assert.is(fixed.decoding!.depth, one.depthStart!.depth);
  const refused = await one
    .generate(prompt, { ...options, depth: 'auto' })
    .text()
    .catch((error: unknown) => error);
  assert.is((refused as MtplxError).code, 'MTPLX_E_OPTION');
  await one.generate(prompt, { ...options, depth: 'auto', temperature: 0 }).text();
});

test.run();
