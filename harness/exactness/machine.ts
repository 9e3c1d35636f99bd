import { buildInfo, configureEngine, forceIsa } from '../../runtime/engine/engine.ts';
import type { CycleResult, SequenceState } from '../../runtime/engine/types.ts';
import { Comparison, sumOfBits } from './comparison.ts';
import type { Gate, GateContext } from './gate.ts';
import { disposeAll, oneByOne, prefilled, verify } from './sequences.ts';

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
async function run(context: GateContext, length: number): Promise<Run> {
  const sequence = await prefilled(context, length);
  const { result } = await verify(context, sequence, { keep: 0, at: length, rows });
  const logits = await sequence.rows('logits');
  const single = await oneByOne(sequence, context.tokens.subarray(length, length + 2));
  const state = await single.sequence.inspect();
  await disposeAll(sequence, single.sequence);
  return { result, logits, state };
}

function compare(comparison: Comparison, what: string, expected: Run, found: Run): void {
  comparison.addResults(what, expected.result, found.result);
  comparison.add(`${what}, logits`, expected.logits, found.logits);
  comparison.addStates(what, expected.state, found.state);
}

/** The controls: the other runs read the text from one token later. */
function shifted(context: GateContext): GateContext {
  return { ...context, tokens: context.tokens.subarray(1) };
}

/** The number of threads leaves no trace. */
export const threads: Gate = {
  name: 'threads',
  claim: '1, 2 and 3 threads give the same bits',
  control: 'runs with more threads that read another text',
  cases: () => [
    { key: '1, 2, 3 threads', control: false, cost: { prefill: 3 * threadsLength, steps: 12 }, run: overThreads },
    {
      key: 'control',
      control: true,
      cost: { prefill: 2 * threadsLength, steps: 8 },
      run: (context) => overThreads(context, shifted(context)),
    },
  ],
  summarise: sumOfBits,
};

async function overThreads(context: GateContext, others = context): ReturnType<typeof Comparison.of> {
  const before = buildInfo().threads;
  try {
    return await Comparison.of(context, async (comparison) => {
      await configureEngine({ threads: 1 });
      const one = await run(context, threadsLength);
      for (const count of [2, 3]) {
        await configureEngine({ threads: count });
        compare(comparison, `${count} threads`, one, await run(others, threadsLength));
      }
    });
  } finally {
    await configureEngine({ threads: before });
  }
}

/** The instruction set leaves no trace. */
export const instructionSets: Gate = {
  name: 'instruction-sets',
  claim: 'every instruction set that this CPU runs gives the same bits',
  control: 'runs under other instruction sets that read another text',
  cases: () => [
    // Plain C++ takes some ten times as long.
    { key: 'all sets', control: false, cost: { prefill: 2 * isaLength, steps: 90 }, run: overInstructionSets },
    {
      key: 'control',
      control: true,
      cost: { prefill: 2 * isaLength, steps: 60 },
      run: (context) => overInstructionSets(context, shifted(context)),
    },
  ],
  summarise: sumOfBits,
};

async function overInstructionSets(context: GateContext, others = context): ReturnType<typeof Comparison.of> {
  const { isa, isas } = buildInfo();
  try {
    return await Comparison.of(context, async (comparison) => {
      const expected = await run(context, isaLength);
      // Also a second run as it is: a machine with one instruction set compares something.
      for (const other of isas) {
        await forceIsa(other);
        compare(comparison, other, expected, await run(others, isaLength));
      }
    });
  } finally {
    await forceIsa(isa);
  }
}
