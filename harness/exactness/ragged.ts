import { cycleBatch } from '../../runtime/engine/sequence.ts';
import type { CycleEntry } from '../../runtime/engine/types.ts';
import { Comparison, type Gate, prefilled, step } from './gate.ts';

const greedy = { filter: { temperature: 0, topP: 1, topK: 1 }, noise: { kind: 'none' } } as const;

function entry(tokens: number[], depth: number): Omit<CycleEntry, 'sequence'> {
  return {
    keep: 0,
    tokens: Int32Array.from(tokens),
    depth,
    draft: depth > 0 ? greedy : null,
    logits: 'all',
    candidates: { temperature: 1, count: 1 },
    draw: null,
    edits: [],
  };
}

/** What is computed beside a row does not matter to it. */
export const ragged: Gate = {
  name: 'ragged',
  claim: "rows of A are the same bits alone, beside B and beside B's prefill chunk",
  async run(input) {
    const comparison = new Comparison('ragged');
    const depth = input.model.request.spec.mtp ? 3 : 0;
    const a = await prefilled(input, 70);
    const b = await prefilled({ ...input, tokens: input.tokens.subarray(150) }, 33);
    const token = input.tokens[70]!;
    const alone = await a.fork();
    await step(alone, { keep: 0, tokens: [token], depth });
    const logits = await alone.rows('logits');
    const neighbours = [
      entry([input.tokens[200]!], Math.min(depth, 2)),
      entry([input.tokens[200]!], 0),
      entry([...input.tokens.subarray(200, 290)], 0),
    ];
    for (const [i, neighbour] of neighbours.entries()) {
      for (const order of ['first', 'last']) {
        const own = await a.fork();
        const other = await b.fork();
        const batch = [
          { sequence: own, entry: entry([token], depth) },
          { sequence: other, entry: neighbour },
        ];
        await cycleBatch(order === 'first' ? batch : batch.reverse());
        comparison.add(`neighbour ${i}, A ${order}, logits`, logits, await own.rows('logits'));
        await own.commit(1 + depth);
        const lone = await a.fork();
        await step(lone, { keep: 0, tokens: [token], depth });
        await lone.commit(1 + depth);
        comparison.addStates(`neighbour ${i}, A ${order}`, await lone.inspect(), await own.inspect());
        for (const sequence of [own, other, lone]) {
          await sequence.dispose();
        }
      }
    }
    for (const sequence of [a, b, alone]) {
      await sequence.dispose();
    }
    return comparison.report();
  },
};
