import type { EngineSequence } from '../../runtime/engine/sequence.ts';
import { Comparison, disposeAll, type Gate, type GateInput, oneByOne, prefilled, step, verify } from './gate.ts';

const snapshotAt = 100;
/** Far enough to fill a KV block (64) that the snapshot shares and to begin another. */
const advance = 70;
const elsewhere = 200;
const rows = 4;

/** A snapshot is not touched by what its origin or its other restores do, and two forks do not meet. */
export const restore: Gate = {
  name: 'restore',
  claim: 'a restored snapshot equals a cold run, and two forks in turn equal lone runs',
  run: (input) =>
    Comparison.of('restore', input, async (comparison) => {
      const origin = await prefilled(input, snapshotAt);
      const snapshot = await origin.fork();
      await compareContents(input, snapshot, comparison);
      await comparePending(input, origin, snapshot, comparison);

      // The origin goes another way, and then it goes away.
      const other = input.tokens.subarray(elsewhere, elsewhere + advance);
      await step(origin, { keep: 0, tokens: other });
      await origin.dispose();

      const own = input.tokens.subarray(snapshotAt, snapshotAt + advance);
      const cold = await prefilled(input, snapshotAt + advance);
      const restored = await oneByOne(snapshot, own);
      await compareNext(input, 'restored', cold, restored.sequence, comparison);
      const detour = await prefilled(
        { ...input, tokens: Int32Array.of(...input.tokens.subarray(0, snapshotAt), ...other) },
        snapshotAt + advance,
      );
      const [left, right] = await inTurn(snapshot, own, other);
      await compareNext(input, 'left fork', cold, left, comparison);
      await compareNext(input, 'right fork', detour, right, comparison);
      await disposeAll(snapshot, cold, restored.sequence, detour, left, right);
    }),
};

/** At length n: n trunk rows, n - 1 MTP rows, and the hidden row n - 1 of the step that consumed the last token. */
async function compareContents(input: GateInput, snapshot: EngineSequence, comparison: Comparison): Promise<void> {
  const { mtp, hiddenSize, layers } = input.model.request.spec;
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
  const before = await prefilled(input, snapshotAt - 1);
  const last = await oneByOne(before, [input.tokens[snapshotAt - 1]!]);
  comparison.add('hidden row n - 1', last.hidden[0]!, hidden.data);
  await disposeAll(before, last.sequence);
}

/** A fork takes nothing of the pending rows, and leaves them to its origin. */
async function comparePending(
  input: GateInput,
  origin: EngineSequence,
  snapshot: EngineSequence,
  comparison: Comparison,
): Promise<void> {
  const busy = await origin.fork();
  const { tokens } = await verify(input, busy, { keep: 0, at: snapshotAt, rows });
  const taken = await busy.fork();
  comparison.addStates('fork beside pending rows', await snapshot.inspect(), await taken.inspect());
  await busy.commit(2);
  const clean = await oneByOne(snapshot, tokens.slice(0, 2));
  comparison.addStates('pending rows beside a fork', await clean.sequence.inspect(), await busy.inspect());
  await disposeAll(busy, taken, clean.sequence);
}

/** Two forks that advance in turn, two tokens a cycle. */
async function inTurn(
  snapshot: EngineSequence,
  left: Int32Array,
  right: Int32Array,
): Promise<[EngineSequence, EngineSequence]> {
  const forks: [EngineSequence, EngineSequence] = [await snapshot.fork(), await snapshot.fork()];
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
  input: GateInput,
  what: string,
  cold: EngineSequence,
  found: EngineSequence,
  comparison: Comparison,
): Promise<void> {
  const at = snapshotAt + advance;
  const expected = await verify(input, cold, { keep: 0, at, rows });
  const { result } = await verify(input, found, { keep: 0, at, rows });
  comparison.addResults(`${what}, next cycle`, expected.result, result);
  await comparison.addRows(`${what}, next cycle`, cold, found);
  comparison.addStates(what, await cold.inspect(), await found.inspect());
}
