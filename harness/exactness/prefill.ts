import { Comparison, sumOfBits } from './comparison.ts';
import type { Gate, GateContext } from './gate.ts';
import { disposeAll, prefilled, verify } from './sequences.ts';
import { seamReadTwice } from './wrong-engines.ts';

const rows = 3;
const controlLength = 80;

/** The prompt's chunking leaves no trace. */
export const prefill: Gate = {
  name: 'prefill',
  claim: 'a prompt in chunks of 1, 7, 64 and 512 equals one pass',
  control: 'an engine that reads the token before a seam twice',
  cases: ({ prefill_length: length, chunks }) => [
    ...chunks.map((chunk) => ({
      key: `chunks of ${chunk}`,
      control: false,
      cost: { prefill: chunk === 1 ? length : 2 * length, steps: chunk === 1 ? length : length / chunk },
      run: (context: GateContext) => compareChunks(context, length, chunk),
    })),
    {
      key: 'control',
      control: true,
      cost: { prefill: 2 * controlLength },
      run: (context) => compareChunks({ ...context, engine: seamReadTwice(context.engine) }, controlLength, 64),
    },
  ],
  summarise: sumOfBits,
};

function compareChunks(context: GateContext, length: number, chunk: number): ReturnType<typeof Comparison.of> {
  return Comparison.of(context, async (comparison) => {
    const whole = await prefilled(context, length, length);
    const state = await whole.inspect();
    const next = await verify(context, whole, { keep: 0, at: length, rows });
    const what = `chunks of ${chunk}`;
    const chunked = await prefilled(context, length, chunk);
    // The next cycle before inspect(), which would settle the MTP rows that a chunk left for later.
    const found = await verify(context, chunked, { keep: 0, at: length, rows });
    comparison.addResults(`${what}, next cycle`, next.result, found.result);
    await comparison.addRows(`${what}, next cycle`, whole, chunked);
    await chunked.commit(0);
    comparison.addStates(what, state, await chunked.inspect());
    await disposeAll(whole, chunked);
  });
}
