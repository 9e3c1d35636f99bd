import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { buildInfo, forceIsa } from '../../runtime/engine/engine.ts';
import type { EngineSequence } from '../../runtime/engine/sequence.ts';
import { embeddedModel, loadModel, type Model } from '../../runtime/index.ts';
import { compareBits } from './bits.ts';

const test = suite<{ model: Model; prompt: Int32Array }>('instruction sets');
const decodedTokens = 500;

test.before(async (context) => {
  context.model = await loadModel(embeddedModel);
  context.prompt = await context.model.encode('def primes(limit):\n    """All primes below limit."""\n');
});
test.after(({ model }) => model.dispose());

test(`the logits of ${decodedTokens} decoded tokens have the same bits on every set that runs here`, async (context) => {
  const { model, prompt } = context;
  const { isa, isas } = buildInfo();
  const others = isas.filter((other) => other !== isa);
  const expected = await decode(model, prompt);
  try {
    for (const other of others) {
      await forceIsa(other);
      // Rows in turns of 1 … 4: a row's bits do not depend on those beside it either.
      let count = 0;
      await feed(model, [...prompt, ...expected.tokens], prompt.length, (row, logits) => {
        const wanted = expected.logits[row];
        assert.ok(wanted, `${other}: row ${row} was not decoded`);
        const { differing, maxDiff } = compareBits(wanted, logits);
        assert.is(differing, 0, `${other}, token ${row}: ${differing} logits differ, by ${maxDiff} at most`);
        count += 1;
      });
      assert.is(count, decodedTokens);
    }
  } finally {
    await forceIsa(isa);
  }
  assert.ok(others.length > 0 || isa === 'scalar', `only ${isa} runs here; plain C++ always does`);
});

interface Decoded {
  tokens: number[];
  /** Of the last prompt token and of every decoded one but the last: [V] each. */
  logits: Float32Array[];
}

/** Greedy decoding, one token a cycle. */
async function decode(model: Model, prompt: Int32Array): Promise<Decoded> {
  const sequence = await model.engine.createSequence({ mtp: false });
  const decoded: Decoded = { tokens: [], logits: [] };
  let keep = 0;
  let tokens = prompt;
  while (decoded.tokens.length < decodedTokens) {
    const [row] = await cycle(sequence, keep, tokens, 'last');
    decoded.logits.push(row!);
    decoded.tokens.push(row!.reduce((best, logit, id) => (logit > row![best]! ? id : best), 0));
    keep = tokens.length;
    tokens = Int32Array.from(decoded.tokens.slice(-1));
  }
  await sequence.dispose();
  return decoded;
}

/** The same text, given: the prompt alone, then 1, 2, 3, 4, 1 … rows a cycle. */
async function feed(
  model: Model,
  text: number[],
  promptLength: number,
  check: (row: number, logits: Float32Array) => void,
): Promise<void> {
  const sequence = await model.engine.createSequence({ mtp: false });
  let [keep, row] = [0, 0];
  for (let begin = 0, rows = promptLength; begin < text.length - 1;) {
    const end = Math.min(begin + rows, text.length - 1);
    const logits = await cycle(sequence, keep, Int32Array.from(text.slice(begin, end)), begin === 0 ? 'last' : 'all');
    for (const one of logits) check(row++, one);
    keep = end - begin;
    rows = begin === 0 || rows === 4 ? 1 : rows + 1;
    begin = end;
  }
  await sequence.dispose();
}

async function cycle(sequence: EngineSequence, keep: number, tokens: Int32Array, logits: 'last' | 'all') {
  const candidates = { temperature: 1, count: 1 };
  await sequence.cycle({
    keep,
    tokens,
    depth: 0,
    commits: false,
    draft: null,
    logits,
    candidates,
    draw: null,
    edits: [],
  });
  const all = await sequence.rows('logits');
  const count = logits === 'all' ? tokens.length : 1;
  const width = all.length / count;
  return Array.from({ length: count }, (_, i) => all.slice(i * width, (i + 1) * width));
}

test.run();
