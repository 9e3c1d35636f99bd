import { buildInfo, configureEngine } from '../../runtime/engine/engine.ts';
import { Comparison, type Gate, oneByOne, prefilled, step } from './gate.ts';

/** The number of threads leaves no trace. */
export const threads: Gate = {
  name: 'threads',
  claim: '1, 2 and 3 threads give the same bits',
  async run(input) {
    const comparison = new Comparison('threads');
    const depth = input.model.request.spec.mtp ? 3 : 0;
    const before = buildInfo().threads;
    const run = async (count: number) => {
      await configureEngine({ threads: count });
      const sequence = await prefilled(input, 130);
      await step(sequence, { keep: 0, tokens: [input.tokens[130]!], depth });
      const logits = await sequence.rows('logits');
      const single = await oneByOne(sequence, input.tokens.subarray(131, 135));
      const state = await single.sequence.inspect();
      await sequence.dispose();
      await single.sequence.dispose();
      return { logits, state };
    };
    try {
      const one = await run(1);
      for (const count of [2, 3]) {
        const many = await run(count);
        comparison.add(`${count} threads, logits`, one.logits, many.logits);
        comparison.addStates(`${count} threads`, one.state, many.state);
      }
    } finally {
      await configureEngine({ threads: before });
    }
    return comparison.report();
  },
};
