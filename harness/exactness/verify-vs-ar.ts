import type { CycleResult } from '../../runtime/engine/types.ts';
import { Comparison, disposeAll, type Gate, oneByOne, prefilled, verify } from './gate.ts';

/** Lengths of the history: almost none, one whose rows cross the end of a KV block (64), several blocks. */
const positions = [1, 62, 300];
const rowCounts = [2, 3, 4, 5, 6, 7, 8, 9];

/** A verification of M rows gives each row the bits of the single-token step. */
export const verifyVsAr: Gate = {
  name: 'verify-vs-ar',
  claim: 'rows of a verification (M = 2..9) equal single steps bit for bit',
  run: (input) =>
    Comparison.of('verify-vs-ar', input, async (comparison) => {
      for (const position of positions) {
        const base = await prefilled(input, position);
        for (const rows of rowCounts) {
          const batch = await base.fork();
          const { result, tokens } = await verify(input, batch, { keep: 0, at: position, rows });
          const single = await oneByOne(base, tokens);
          const what = `position ${position}, M ${rows}`;
          comparison.add(`${what}, logits`, await batch.rows('logits'), joined(single.logits));
          comparison.add(`${what}, hidden`, await batch.rows('hidden'), joined(single.hidden));
          comparison.addResults(what, { ...result, ...noDrafts }, mergedRows(single.results));
          await disposeAll(batch, single.sequence);
        }
        await base.dispose();
      }
    }),
};

const noDrafts = {
  draftTokens: new Int32Array(),
  draftCounts: new Int32Array(),
  draftIds: new Int32Array(),
  draftProbabilities: new Float64Array(),
};

/** Candidates and draws of cycles of one row as one cycle would report them. */
function mergedRows(results: CycleResult[]): Omit<CycleResult, 'times'> {
  return {
    ...noDrafts,
    ids: Int32Array.from(results.flatMap(({ ids }) => [...ids])),
    logits: joined(results.map(({ logits }) => logits)),
    logSums: Float64Array.from(results.flatMap(({ logSums }) => [...logSums])),
    drawn: Int32Array.from(results.flatMap(({ drawn }) => [...drawn])),
  };
}

function joined(parts: Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
