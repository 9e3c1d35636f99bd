import { Comparison, type Gate, oneByOne, prefilled, step } from './gate.ts';

const position = 61;
const depth = 4;
const furtherCycles = 3;

/** Every commit 0..M leaves what a run that never saw the dropped rows would have, also over further cycles. */
export const commit: Gate = {
  name: 'commit',
  claim: 'each commit 0..M equals never having seen the rest, over 3 further cycles',
  async run(input) {
    const comparison = new Comparison('commit');
    const base = await prefilled(input, position);
    const first = input.tokens[position]!;
    for (let keep = 0; keep <= depth + 1; keep++) {
      const verified = await base.fork();
      const drafted = await step(verified, { keep: 0, tokens: [first], depth });
      let history = [first, ...drafted.draftTokens].slice(0, keep);
      let pending = keep;
      for (let cycle = 0; cycle < furtherCycles; cycle++) {
        const next = input.tokens[position + 1 + cycle]!;
        const further = await step(verified, { keep: pending, tokens: [next], depth: 2 });
        pending = 1 + (cycle % 3);
        history = [...history, ...[next, ...further.draftTokens].slice(0, pending)];
      }
      await verified.commit(pending);

      const clean = await oneByOne(base, history);
      comparison.addStates(`keep ${keep}`, await verified.inspect(), await clean.sequence.inspect());
      const probe = [input.tokens[position + 9]!];
      await step(verified, { keep: 0, tokens: probe });
      await step(clean.sequence, { keep: 0, tokens: probe });
      comparison.add(`keep ${keep}, next logits`, await verified.rows('logits'), await clean.sequence.rows('logits'));
      await verified.dispose();
      await clean.sequence.dispose();
    }
    await base.dispose();
    return comparison.report();
  },
};
