import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { CycleResult } from '../../runtime/engine/types.ts';
import type { GateEngine, GateSequence } from './engine.ts';
import { entry } from './sequences.ts';
import { type Seat, sideBySide } from './together.ts';

const test = suite('loops side by side');

/** An engine that gives the token of each entry as its draw, and notes the batches. */
function noting(batches: number[][], fail = Infinity): Pick<GateEngine, 'cycleBatch'> {
  return {
    async cycleBatch(batch) {
      batches.push(batch.map(({ entry: { tokens } }) => tokens[0]!));
      if (batches.length > fail) throw new Error('the engine failed');
      const empty = new Int32Array(0);
      const drawn = Int32Array.from(batch, ({ entry: { tokens } }) => tokens[0]!);
      const drafts = {
        draftCounts: empty,
        draftTokens: empty,
        draftIds: empty,
        draftProbabilities: new Float64Array(0),
      };
      const rows = { ids: empty, logits: new Float32Array(0), logSums: new Float64Array(0) };
      return { ...drafts, ...rows, drawn, times: {} } as unknown as CycleResult;
    },
  };
}

/** Cycles on the given tokens, one after the other. @returns the draws */
const loop = (tokens: number[]) => async (seat: Seat) => {
  const target = seat({} as GateSequence);
  const drawn: number[] = [];
  for (const token of tokens) drawn.push(...(await target.cycle(entry({ keep: 0, tokens: [token] }))).drawn);
  return drawn;
};

test('each call takes a cycle of every loop that has not ended, and each loop gets its own part', async () => {
  const batches: number[][] = [];
  const texts = [[1, 2, 3], [10], [], [20, 21, 22, 23]];
  assert.equal(await sideBySide(noting(batches), texts.map(loop)), texts);
  assert.equal(batches, [[1, 10, 20], [2, 21], [3, 22], [23]]);
});

test('an error of the engine reaches every loop of the batch; one of a loop does not hold up the others', async () => {
  const batches: number[][] = [];
  const failing = sideBySide(noting(batches, 1), [loop([1, 2, 3]), loop([10, 11])]);
  assert.match(String(await failing.catch((error: unknown) => error)), 'the engine failed');
  assert.equal(batches, [
    [1, 10],
    [2, 11],
  ]);
  const others: number[][] = [];
  const ended = sideBySide(noting(others), [
    loop([1, 2]),
    async () => {
      throw new Error('a loop failed');
    },
  ]);
  assert.match(String(await ended.catch((error: unknown) => error)), 'a loop failed');
  assert.equal(others, [[1], [2]]);
});

test.run();
