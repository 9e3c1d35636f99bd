import type { CycleResult } from '../../runtime/engine/types.ts';
import { Comparison, sumOfBits } from './comparison.ts';
import type { GateSequence } from './engine.ts';
import type { Gate, GateContext } from './gate.ts';
import { compareBeside } from './ragged.ts';
import { disposeAll, oneByOne, prefilled, verify } from './sequences.ts';
import { otherPrecision } from './wrong-engines.ts';

const mostRows = 9;
const rowCounts = [1, 2, 3, 4, 5, 6, 7, 8, mostRows];
/** Rows of a first verification, and how many of them are kept before the compared ones. */
const rollbackRows = 5;
const rollbacks = [0, 1, 3];
const rollbackPosition = 62;

/** A verification of M rows gives each row the bits of the single-token step. */
export const verifyVsAr: Gate = {
  name: 'verify-vs-ar',
  claim: 'rows of a verification (M = 1..9), alone, beside others and after rollbacks, equal single steps bit for bit',
  control: 'an engine whose rows of a verification went through bfloat16',
  cases: ({ positions }) => [
    ...positions.map((position) => ({
      key: `position ${position}`,
      control: false,
      cost: { prefill: position + 300, steps: 2 * mostRows + 20, rows: 45 + 60 },
      run: (context: GateContext) =>
        Comparison.of(context, async (comparison) => {
          const base = await prefilled(context, position);
          await compareRows(context, base, position, comparison);
          await compareBeside(context, base, position, comparison);
          await base.dispose();
        }),
    })),
    {
      key: 'after rollbacks',
      control: false,
      cost: { prefill: rollbackPosition, steps: 40 * rollbacks.length, rows: 50 * rollbacks.length },
      run: (context) => Comparison.of(context, (comparison) => afterRollbacks(context, comparison)),
    },
    {
      key: 'control',
      control: true,
      cost: { prefill: rollbackPosition, steps: 20, rows: 45 },
      run: (context) => {
        const wrong = { ...context, engine: otherPrecision(context.engine) };
        return Comparison.of(wrong, async (comparison) => {
          const base = await prefilled(wrong, rollbackPosition);
          await compareRows(wrong, base, rollbackPosition, comparison);
        });
      },
    },
  ],
  summarise: sumOfBits,
};

/** Drafts are keyed by position, so that those of M rows begin those of more. */
async function compareRows(
  context: GateContext,
  base: GateSequence,
  at: number,
  comparison: Comparison,
  what = `position ${at}`,
): Promise<void> {
  const longest = await base.fork();
  const { tokens } = await verify(context, longest, { keep: 0, at, rows: mostRows });
  const single = await oneByOne(base, tokens);
  for (const rows of rowCounts) {
    const batch = await base.fork();
    const { result, tokens: fed } = await verify(context, batch, { keep: 0, at, rows });
    const name = `${what}, M ${rows}`;
    comparison.addIds(`${name}, rows`, tokens.slice(0, rows), fed);
    comparison.add(`${name}, logits`, await batch.rows('logits'), joined(single.logits.slice(0, rows)));
    comparison.add(`${name}, hidden`, await batch.rows('hidden'), joined(single.hidden.slice(0, rows)));
    comparison.addResults(name, { ...result, ...noDrafts }, mergedRows(single.results.slice(0, rows)));
    await batch.dispose();
  }
  await disposeAll(longest, single.sequence);
}

async function afterRollbacks(context: GateContext, comparison: Comparison): Promise<void> {
  const base = await prefilled(context, rollbackPosition);
  for (const keep of rollbacks) {
    const used = await base.fork();
    const { tokens } = await verify(context, used, { keep: 0, at: rollbackPosition, rows: rollbackRows });
    await used.commit(keep);
    const { sequence: clean } = await oneByOne(base, tokens.slice(0, keep));
    const at = rollbackPosition + keep;
    const expected = await verify(context, clean, { keep: 0, at, rows: mostRows });
    const found = await verify(context, used, { keep: 0, at, rows: mostRows });
    const what = `after a rollback to ${keep} of ${rollbackRows}`;
    comparison.addResults(what, expected.result, found.result);
    await comparison.addRows(what, clean, used);
    await used.commit(0);
    await compareRows(context, used, at, comparison, what);
    await disposeAll(used, clean);
  }
  await base.dispose();
}

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
