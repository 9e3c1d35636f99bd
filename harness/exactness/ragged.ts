import { cycleBatch } from '../../runtime/engine/sequence.ts';
import type { CycleEntry, CycleResult } from '../../runtime/engine/types.ts';
import { Comparison, disposeAll, entry, type Gate, prefilled, step } from './gate.ts';

type Entry = Omit<CycleEntry, 'sequence'>;

const position = 70;

/** What is computed beside a row does not matter to it. */
export const ragged: Gate = {
  name: 'ragged',
  claim: "rows of A are the same bits alone, beside B and beside B's prefill chunk",
  run: (input) =>
    Comparison.of('ragged', input, async (comparison) => {
      const { tokens, model } = input;
      const { mtp } = model.request.spec;
      const a = await prefilled(input, position);
      const b = await prefilled({ ...input, tokens: tokens.subarray(150) }, 33);
      const own = entry({ keep: 0, tokens: [tokens[position]!], depth: mtp ? 3 : 0 });

      const alone = await a.fork();
      const expected = await alone.cycle(own);
      const logits = await alone.rows('logits');
      const hidden = await alone.rows('hidden');
      await alone.commit(1 + own.depth);
      const state = await alone.inspect();
      const next = await step(alone, { keep: 0, tokens: [tokens[position + 1]!], depth: own.depth });

      const verified = entry({ keep: 0, tokens: [tokens[200]!], depth: mtp ? 2 : 0 });
      const plain = entry({ keep: 0, tokens: [tokens[200]!] });
      const chunk = entry({ keep: 0, tokens: tokens.subarray(200, 290), logits: 'last' });
      const batches: [what: string, index: number, entries: Entry[]][] = [
        ['before a verification of B', 0, [own, verified]],
        ['after a verification of B', 1, [verified, own]],
        ['before a plain step of B', 0, [own, plain]],
        ['after a plain step of B', 1, [plain, own]],
        ["before B's prefill chunk", 0, [own, chunk]],
        ["after B's prefill chunk", 1, [chunk, own]],
        ['between two', 1, [chunk, own, verified]],
      ];
      for (const [what, index, entries] of batches) {
        const sequences = await Promise.all(entries.map((_, i) => (i === index ? a : b).fork()));
        const result = await cycleBatch(entries.map((e, i) => ({ sequence: sequences[i]!, entry: e })));
        const found = sequences[index]!;
        comparison.addResults(what, expected, partOf(result, entries, index));
        comparison.add(`${what}, logits`, logits, await found.rows('logits'));
        comparison.add(`${what}, hidden`, hidden, await found.rows('hidden'));
        await found.commit(1 + own.depth);
        comparison.addStates(what, state, await found.inspect());
        const after = await step(found, { keep: 0, tokens: [tokens[position + 1]!], depth: own.depth });
        comparison.addResults(`${what}, next cycle`, next, after);
        await disposeAll(...sequences);
      }
      await disposeAll(a, b, alone);
    }),
};

function logitsRows({ logits, tokens, depth }: Entry): number {
  return { none: 0, last: 1, all: tokens.length + depth }[logits];
}

/** What a batch's result says of one entry. */
function partOf(result: CycleResult, entries: Entry[], index: number): Omit<CycleResult, 'times'> {
  const before = entries.slice(0, index);
  const sum = (numbers: Iterable<number>) => [...numbers].reduce((a, b) => a + b, 0);
  const own = entries[index]!;
  const draft = sum(before.map(({ depth }) => depth));
  const support = sum(result.draftCounts.subarray(0, draft));
  const draftCounts = result.draftCounts.subarray(draft, draft + own.depth);
  const candidate = sum(before.map((e) => logitsRows(e) * e.candidates.count));
  const row = sum(before.map(logitsRows));
  const drawn = sum(before.map((e) => (e.draw ? logitsRows(e) : 0)));
  const rows = logitsRows(own);
  const candidates = rows * own.candidates.count;
  return {
    draftCounts,
    draftTokens: result.draftTokens.subarray(draft, draft + own.depth),
    draftIds: result.draftIds.subarray(support, support + sum(draftCounts)),
    draftProbabilities: result.draftProbabilities.subarray(support, support + sum(draftCounts)),
    ids: result.ids.subarray(candidate, candidate + candidates),
    logits: result.logits.subarray(candidate, candidate + candidates),
    logSums: result.logSums.subarray(2 * row, 2 * (row + rows)),
    drawn: result.drawn.subarray(drawn, drawn + (own.draw ? rows : 0)),
  };
}
