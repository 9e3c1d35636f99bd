import type { Comparison } from './comparison.ts';
import type { Entry, GateSequence } from './engine.ts';
import type { GateContext } from './gate.ts';
import { partOf } from './parts.ts';
import { disposeAll, entry, prefilled, step } from './sequences.ts';

/** Where in the text a neighbour's history ends, and how long its prefill chunk is. */
const besideLength = 33;
const besideToken = 200;
const chunkTokens = 90;
const depths = [0, 3, 8];

/** What is computed beside a row does not matter to it: `base` alone, beside B and beside B's prefill chunk. */
export async function compareBeside(
  context: GateContext,
  base: GateSequence,
  position: number,
  comparison: Comparison,
): Promise<void> {
  const { tokens, engine } = context;
  const { mtp } = engine.spec;
  const beside = await prefilled({ ...context, tokens: tokens.subarray(150) }, besideLength);
  for (const depth of mtp ? depths : [0]) {
    const own = entry({ keep: 0, tokens: [tokens[position]!], depth });
    const alone = await base.fork();
    const expected = await alone.cycle(own);
    const logits = await alone.rows('logits');
    const hidden = await alone.rows('hidden');
    await alone.commit(1 + depth);
    const state = await alone.inspect();
    const next = await step(alone, { keep: 0, tokens: [tokens[position + 1]!], depth });

    for (const [name, index, entries] of batches(own, context)) {
      const what = `position ${position}, M ${depth + 1} ${name}`;
      const sequences = await Promise.all(entries.map((_, i) => (i === index ? base : beside).fork()));
      const result = await engine.cycleBatch(entries.map((e, i) => ({ sequence: sequences[i]!, entry: e })));
      const found = sequences[index]!;
      comparison.addResults(what, expected, partOf(result, entries, index));
      comparison.add(`${what}, logits`, logits, await found.rows('logits'));
      comparison.add(`${what}, hidden`, hidden, await found.rows('hidden'));
      await found.commit(1 + depth);
      comparison.addStates(what, state, await found.inspect());
      const after = await step(found, { keep: 0, tokens: [tokens[position + 1]!], depth });
      comparison.addResults(`${what}, next cycle`, next, after);
      await disposeAll(...sequences);
    }
    await alone.dispose();
  }
  await beside.dispose();
}

function batches(own: Entry, { engine, tokens }: GateContext): [what: string, index: number, entries: Entry[]][] {
  const token = tokens[besideToken]!;
  const verified = entry({ keep: 0, tokens: [token], depth: engine.spec.mtp ? 2 : 0 });
  const plain = entry({ keep: 0, tokens: [token] });
  const chunk = entry({ keep: 0, tokens: tokens.subarray(besideToken, besideToken + chunkTokens), logits: 'last' });
  return [
    ['before a verification of B', 0, [own, verified]],
    ['after a plain step of B', 1, [plain, own]],
    ["after B's prefill chunk and before a verification", 1, [chunk, own, verified]],
  ];
}
