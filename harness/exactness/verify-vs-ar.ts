import { Comparison, type Gate, oneByOne, prefilled, row, step } from './gate.ts';

/** Positions at which a verify batch starts; the last crosses a KV block. */
const positions = [1, 62, 300];
const rowCounts = [2, 3, 4, 5, 6, 7, 8, 9];

/** A verify batch of M rows gives each row the bits of the single-token step. */
export const verifyVsAr: Gate = {
  name: 'verify-vs-ar',
  claim: 'rows of a verify batch (M = 2..9) equal single steps bit for bit',
  async run(input) {
    const comparison = new Comparison('verify-vs-ar');
    const { vocabSize, hiddenSize, mtp } = input.model.request.spec;
    for (const position of positions) {
      const base = await prefilled(input, position);
      for (const rows of rowCounts) {
        // With drafts where there is a head: the tokens are what it drafted.
        const batch = await base.fork();
        const first = input.tokens[position]!;
        const result = mtp
          ? await step(batch, { keep: 0, tokens: [first], depth: rows - 1 })
          : await step(batch, { keep: 0, tokens: input.tokens.subarray(position, position + rows) });
        const tokens = mtp ? [first, ...result.draftTokens] : [...input.tokens.subarray(position, position + rows)];
        const logits = await batch.rows('logits');
        const hidden = await batch.rows('hidden');
        const single = await oneByOne(base, tokens);
        for (let r = 0; r < rows; r++) {
          const what = `position ${position}, M ${rows}, row ${r}`;
          comparison.add(`${what}, logits`, row(logits, r, vocabSize), single.logits[r]!);
          comparison.add(`${what}, hidden`, row(hidden, r, hiddenSize), single.hidden[r]!);
        }
        await batch.dispose();
        await single.sequence.dispose();
      }
      await base.dispose();
    }
    return comparison.report();
  },
};
