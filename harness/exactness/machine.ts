import { buildInfo, configureEngine, forceIsa } from '../../runtime/engine/engine.ts';
import type { CycleResult, SequenceState } from '../../runtime/engine/types.ts';
import { Comparison, disposeAll, type Gate, type GateInput, oneByOne, prefilled, verify } from './gate.ts';

const rows = 4;
/** Prompt lengths: two KV blocks and more; and what scalar code does in a second or two. */
const threadsLength = 130;
const isaLength = 12;

interface Run {
  result: CycleResult;
  logits: Float32Array;
  state: SequenceState;
}

/** Prefill, a verification, and single steps after it. */
async function run(input: GateInput, length: number): Promise<Run> {
  const sequence = await prefilled(input, length);
  const { result } = await verify(input, sequence, { keep: 0, at: length, rows });
  const logits = await sequence.rows('logits');
  const single = await oneByOne(sequence, input.tokens.subarray(length, length + 2));
  const state = await single.sequence.inspect();
  await disposeAll(sequence, single.sequence);
  return { result, logits, state };
}

function compare(comparison: Comparison, what: string, expected: Run, found: Run): void {
  comparison.addResults(what, expected.result, found.result);
  comparison.add(`${what}, logits`, expected.logits, found.logits);
  comparison.addStates(what, expected.state, found.state);
}

/** The number of threads leaves no trace. */
export const threads: Gate = {
  name: 'threads',
  claim: '1, 2 and 3 threads give the same bits',
  async run(input) {
    const before = buildInfo().threads;
    try {
      return await Comparison.of('threads', input, async (comparison) => {
        await configureEngine({ threads: 1 });
        const one = await run(input, threadsLength);
        for (const count of [2, 3]) {
          await configureEngine({ threads: count });
          compare(comparison, `${count} threads`, one, await run(input, threadsLength));
        }
      });
    } finally {
      await configureEngine({ threads: before });
    }
  },
};

/** The instruction set leaves no trace. */
export const instructionSets: Gate = {
  name: 'instruction-sets',
  claim: 'every instruction set that this CPU runs gives the same bits',
  async run(input) {
    const { isa, isas } = buildInfo();
    try {
      return await Comparison.of('instruction-sets', input, async (comparison) => {
        const expected = await run(input, isaLength);
        // Also a second run as it is: a machine with one instruction set compares something.
        for (const other of isas) {
          await forceIsa(other);
          compare(comparison, other, expected, await run(input, isaLength));
        }
      });
    } finally {
      await forceIsa(isa);
    }
  },
};
