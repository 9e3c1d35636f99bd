import { Comparison, type Gate, oneByOne, prefilled, step } from './gate.ts';

const snapshotAt = 100;
const advance = 70;

/** A snapshot is not touched by what its origin or its other restores do, and two forks do not meet. */
export const restore: Gate = {
  name: 'restore',
  claim: 'a restored snapshot equals a cold run, and two forks in turn equal lone runs',
  async run(input) {
    const comparison = new Comparison('restore');
    const origin = await prefilled(input, snapshotAt);
    const snapshot = await origin.fork();

    // The origin goes another way, across a KV block.
    const other = [...input.tokens.subarray(200, 200 + advance)];
    await step(origin, { keep: 0, tokens: other });
    await origin.commit(other.length);
    await step(origin, { keep: 0, tokens: [input.tokens[300]!], depth: input.model.request.spec.mtp ? 3 : 0 });

    const own = [...input.tokens.subarray(snapshotAt, snapshotAt + advance)];
    const restored = await oneByOne(snapshot, own);
    const cold = await prefilled(input, snapshotAt + advance);
    comparison.addStates('restored', await restored.sequence.inspect(), await cold.inspect());

    const left = await snapshot.fork();
    const right = await snapshot.fork();
    let leftKeep = 0;
    let rightKeep = 0;
    for (let i = 0; i < advance; i += 2) {
      await step(left, { keep: leftKeep, tokens: own.slice(i, i + 2) });
      await step(right, { keep: rightKeep, tokens: other.slice(i, i + 2) });
      leftKeep = own.slice(i, i + 2).length;
      rightKeep = other.slice(i, i + 2).length;
    }
    await left.commit(leftKeep);
    await right.commit(rightKeep);
    comparison.addStates('left fork', await left.inspect(), await cold.inspect());
    await origin.commit(0);
    comparison.addStates('right fork', await right.inspect(), await origin.inspect());

    for (const sequence of [origin, snapshot, restored.sequence, cold, left, right]) {
      await sequence.dispose();
    }
    return comparison.report();
  },
};
