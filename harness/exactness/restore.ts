import { Comparison, sumOfBits } from './comparison.ts';
import type { GateSequence } from './engine.ts';
import type { Gate, GateContext } from './gate.ts';
import { disposeAll, oneByOne, prefilled, step, verify } from './sequences.ts';
import { foreignPrefix } from './wrong-engines.ts';

const snapshotAt = 100;
/** Far enough to fill a KV block (64) that the snapshot shares and to begin another. */
const advance = 70;
const elsewhere = 200;
const rows = 4;

/** A snapshot is not touched by what its origin or its other restores do, and two forks do not meet. */
export const restore: Gate = {
  name: 'restore',
  claim: 'a restored snapshot equals a cold run, and two forks in turn equal lone runs',
  control: 'an engine that restores a snapshot whose first token was another one',
  cases: () => [
    { key: 'contents', control: false, cost: { prefill: 3 * snapshotAt, steps: 10 }, run: compareSnapshot },
    {
      key: 'restored and forked',
      control: false,
      cost: { prefill: 3 * snapshotAt + 2 * advance, steps: 3 * advance, rows: 3 * advance },
      run: compareRestored,
    },
    {
      key: 'control',
      control: true,
      cost: { prefill: 3 * snapshotAt, steps: 2 * advance },
      run: (context) => compareRestored({ ...context, engine: foreignPrefix(context.engine) }),
    },
  ],
  summarise: (figures) => {
    const sum = sumOfBits(figures);
    return { ...sum, logits_max_abs_diff: sum['max_diff']! };
  },
};

function compareSnapshot(context: GateContext): ReturnType<typeof Comparison.of> {
  return Comparison.of(context, async (comparison) => {
    const origin = await prefilled(context, snapshotAt);
    const snapshot = await origin.fork();
    await compareContents(context, snapshot, comparison);
    await comparePending(context, origin, snapshot, comparison);
    await disposeAll(origin, snapshot);
  });
}

function compareRestored(context: GateContext): ReturnType<typeof Comparison.of> {
  return Comparison.of(context, async (comparison) => {
    const origin = await prefilled(context, snapshotAt);
    const snapshot = await origin.fork();
    // The origin goes another way, and then it goes away.
    const other = context.tokens.subarray(elsewhere, elsewhere + advance);
    await step(origin, { keep: 0, tokens: other });
    await origin.dispose();

    const own = context.tokens.subarray(snapshotAt, snapshotAt + advance);
    const cold = await prefilled(context, snapshotAt + advance);
    const restored = await oneByOne(snapshot, own);
    await compareNext(context, 'restored', cold, restored.sequence, comparison);
    const detour = await prefilled(
      { ...context, tokens: Int32Array.of(...context.tokens.subarray(0, snapshotAt), ...other) },
      snapshotAt + advance,
    );
    const [left, right] = await inTurn(snapshot, own, other);
    await compareNext(context, 'left fork', cold, left, comparison);
    await compareNext(context, 'right fork', detour, right, comparison);
    await disposeAll(snapshot, cold, restored.sequence, detour, left, right);
  });
}

/** At length n: n trunk rows, n - 1 MTP rows, and the hidden row n - 1 of the step that consumed the last token. */
async function compareContents(context: GateContext, snapshot: GateSequence, comparison: Comparison): Promise<void> {
  const { mtp, hiddenSize, layers } = context.engine.spec;
  const state = await snapshot.inspect();
  comparison.addIds('rows of a snapshot', [snapshotAt, mtp ? snapshotAt - 1 : 0], [state.length, state.mtpLength]);
  const rowsOf = (name: string) => state.tensors.find((tensor) => tensor.name === name)?.shape[1] ?? -1;
  for (const [i, kind] of layers.entries()) {
    if (kind === 'full') {
      comparison.addIds(
        `KV rows of layer ${i}`,
        [snapshotAt, snapshotAt],
        [rowsOf(`layers.${i}.k`), rowsOf(`layers.${i}.v`)],
      );
    }
  }
  if (mtp) {
    comparison.addIds('MTP rows', [snapshotAt - 1, snapshotAt - 1], [rowsOf('mtp.k'), rowsOf('mtp.v')]);
  }
  const hidden = state.tensors.find(({ name }) => name === 'hidden')!;
  comparison.addIds('shape of the hidden row', [1, hiddenSize], hidden.shape);
  const before = await prefilled(context, snapshotAt - 1);
  const last = await oneByOne(before, [context.tokens[snapshotAt - 1]!]);
  comparison.add('hidden row n - 1', last.hidden[0]!, hidden.data);
  await disposeAll(before, last.sequence);
}

/** A fork takes nothing of the pending rows, and leaves them to its origin. */
async function comparePending(
  context: GateContext,
  origin: GateSequence,
  snapshot: GateSequence,
  comparison: Comparison,
): Promise<void> {
  const busy = await origin.fork();
  const { tokens } = await verify(context, busy, { keep: 0, at: snapshotAt, rows });
  const taken = await busy.fork();
  comparison.addStates('fork beside pending rows', await snapshot.inspect(), await taken.inspect());
  await busy.commit(2);
  const clean = await oneByOne(snapshot, tokens.slice(0, 2));
  comparison.addStates('pending rows beside a fork', await clean.sequence.inspect(), await busy.inspect());
  await disposeAll(busy, taken, clean.sequence);
}

/** Two forks that advance in turn, two tokens a cycle. */
async function inTurn(
  snapshot: GateSequence,
  left: Int32Array,
  right: Int32Array,
): Promise<[GateSequence, GateSequence]> {
  const forks: [GateSequence, GateSequence] = [await snapshot.fork(), await snapshot.fork()];
  for (let i = 0; i < advance; i += 2) {
    for (const [f, tokens] of [left, right].entries()) {
      await step(forks[f]!, { keep: i === 0 ? 0 : 2, tokens: tokens.subarray(i, i + 2) });
    }
  }
  await forks[0].commit(2);
  await forks[1].commit(2);
  return forks;
}

/** The next cycle, drafts included, and the state before it. */
async function compareNext(
  context: GateContext,
  what: string,
  cold: GateSequence,
  found: GateSequence,
  comparison: Comparison,
): Promise<void> {
  const at = snapshotAt + advance;
  const expected = await verify(context, cold, { keep: 0, at, rows });
  const { result } = await verify(context, found, { keep: 0, at, rows });
  comparison.addResults(`${what}, next cycle`, expected.result, result);
  await comparison.addRows(`${what}, next cycle`, cold, found);
  comparison.addStates(what, await cold.inspect(), await found.inspect());
}
