import { Comparison, sumOfBits } from './comparison.ts';
import type { GateSequence } from './engine.ts';
import type { Gate, GateContext } from './gate.ts';
import { disposeAll, oneByOne, prefilled, verify } from './sequences.ts';
import { rollbackTooShort } from './wrong-engines.ts';

/** Rows of the longest verification cross the end of a KV block (64). */
const position = 61;
/** Of the rows of each further cycle, this many are kept: 8 tokens. */
const further = [1, 2, 3, 2];
const furtherRows = 3;

/** Every commit 0..M leaves what a run that never saw the dropped rows would have, also over further cycles. */
export const commit: Gate = {
  name: 'commit',
  claim: 'each commit 0..M equals never having seen the rest, also 8 tokens later: trunk, MTP and all states',
  control: 'an engine that keeps one refused row, as a recurrent state rolled back one step too short',
  cases: ({ commit_rows: counts }) => [
    ...counts.map((rows) => ({
      key: `M ${rows}`,
      control: false,
      cost: { prefill: position, steps: (rows + 1) * (rows / 2 + 5), rows: (rows + 1) * (2 * 4 * furtherRows + rows) },
      run: (context: GateContext) => compareCommits(context, rows),
    })),
    {
      key: 'control',
      control: true,
      cost: { prefill: position, steps: 12, rows: 30 },
      run: (context) => compareCommits({ ...context, engine: rollbackTooShort(context.engine) }, 4, 1),
    },
  ],
  summarise: sumOfBits,
};

function compareCommits(context: GateContext, rows: number, from = 0): ReturnType<typeof Comparison.of> {
  return Comparison.of(context, async (comparison) => {
    const base = await prefilled(context, position);
    for (let keep = from; keep <= rows; keep++) await compareCommit(context, base, { rows, keep }, comparison);
    await base.dispose();
  });
}

async function compareCommit(
  context: GateContext,
  base: GateSequence,
  { rows, keep }: { rows: number; keep: number },
  comparison: Comparison,
): Promise<void> {
  const verified = await base.fork();
  const { tokens } = await verify(context, verified, { keep: 0, at: position, rows });
  // The clean arm is fed the kept tokens alone, one a cycle.
  let { sequence: clean } = await oneByOne(base, tokens.slice(0, keep));
  let pending = keep;
  for (const [cycle, kept] of further.entries()) {
    const what = `keep ${keep} of ${rows}, further cycle ${cycle + 1}`;
    const at = position + 1 + cycle;
    const probe = await clean.fork();
    const expected = await verify(context, probe, { keep: 0, at, rows: furtherRows });
    const found = await verify(context, verified, { keep: pending, at, rows: furtherRows });
    comparison.addResults(what, expected.result, found.result);
    await comparison.addRows(what, probe, verified);
    pending = kept;
    const next = await oneByOne(clean, expected.tokens.slice(0, kept));
    await disposeAll(probe, clean);
    clean = next.sequence;
  }
  await verified.commit(pending);
  comparison.addStates(`keep ${keep} of ${rows}`, await clean.inspect(), await verified.inspect());
  await disposeAll(verified, clean);
}
