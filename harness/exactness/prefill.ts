import { Comparison, disposeAll, type Gate, prefilled, verify } from './gate.ts';

const length = 520;
/** Long ones first: they are quick. */
const chunks = [512, 64, 7, 1];
const rows = 3;

/** The prompt's chunking leaves no trace. */
export const prefill: Gate = {
  name: 'prefill',
  claim: 'a prompt in chunks of 1, 7, 64 and 512 equals one pass',
  run: (input) =>
    Comparison.of('prefill', input, async (comparison) => {
      const whole = await prefilled(input, length, length);
      const state = await whole.inspect();
      const next = await verify(input, whole, { keep: 0, at: length, rows });
      for (const chunk of chunks) {
        const what = `chunks of ${chunk}`;
        const chunked = await prefilled(input, length, chunk);
        // The next cycle before inspect(), which would settle the MTP rows that a chunk left for later.
        const found = await verify(input, chunked, { keep: 0, at: length, rows });
        comparison.addResults(`${what}, next cycle`, next.result, found.result);
        await comparison.addRows(`${what}, next cycle`, whole, chunked);
        await chunked.commit(0);
        comparison.addStates(what, state, await chunked.inspect());
        await chunked.dispose();
      }
      await disposeAll(whole);
    }),
};
