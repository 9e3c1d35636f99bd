import type { EngineSequence } from '../../runtime/engine/sequence.ts';
import { Comparison, disposeAll, type Gate, type GateInput, oneByOne, prefilled, verify } from './gate.ts';

/** Rows of the longest verification cross the end of a KV block (64). */
const position = 61;
const rowCounts = [4, 9];
/** Of the rows of each further cycle, this many are kept. */
const further = [1, 2, 3];
const furtherRows = 3;

/** Every commit 0..M leaves what a run that never saw the dropped rows would have, also over further cycles. */
export const commit: Gate = {
  name: 'commit',
  claim: 'each commit 0..M (M = 4, 9) equals never having seen the rest, over 3 further cycles',
  run: (input) =>
    Comparison.of('commit', input, async (comparison) => {
      const base = await prefilled(input, position);
      for (const rows of rowCounts) {
        for (let keep = 0; keep <= rows; keep++) {
          await compareCommit(input, base, { rows, keep }, comparison);
        }
      }
      await base.dispose();
    }),
};

async function compareCommit(
  input: GateInput,
  base: EngineSequence,
  { rows, keep }: { rows: number; keep: number },
  comparison: Comparison,
): Promise<void> {
  const verified = await base.fork();
  const { tokens } = await verify(input, verified, { keep: 0, at: position, rows });
  // The clean arm is fed the kept tokens alone, one a cycle.
  let { sequence: clean } = await oneByOne(base, tokens.slice(0, keep));
  let pending = keep;
  for (const [cycle, kept] of further.entries()) {
    const what = `keep ${keep} of ${rows}, further cycle ${cycle + 1}`;
    const at = position + 1 + cycle;
    const probe = await clean.fork();
    const expected = await verify(input, probe, { keep: 0, at, rows: furtherRows });
    const found = await verify(input, verified, { keep: pending, at, rows: furtherRows });
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
