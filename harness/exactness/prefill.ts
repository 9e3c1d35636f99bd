import { Comparison, type Gate, prefilled, step } from './gate.ts';

const length = 520;
const chunks = [1, 7, 64, 512];

/** The prompt's chunking leaves no trace. */
export const prefill: Gate = {
  name: 'prefill',
  claim: 'a prompt in chunks of 1, 7, 64 and 512 equals one pass',
  async run(input) {
    const comparison = new Comparison('prefill');
    const whole = await prefilled(input, length, length);
    const state = await whole.inspect();
    await step(whole, { keep: 0, tokens: [input.tokens[length]!] });
    const logits = await whole.rows('logits');
    for (const chunk of chunks) {
      const chunked = await prefilled(input, length, chunk);
      comparison.addStates(`chunks of ${chunk}`, state, await chunked.inspect());
      await step(chunked, { keep: 0, tokens: [input.tokens[length]!] });
      comparison.add(`chunks of ${chunk}, next logits`, logits, await chunked.rows('logits'));
      await chunked.dispose();
    }
    await whole.dispose();
    return comparison.report();
  },
};
