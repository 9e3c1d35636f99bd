import { z } from 'zod';
import type { Model } from '../../runtime/index.ts';
import { median } from '../averages.ts';
import { gateContext } from '../exactness/context.ts';
import type { Cost } from '../exactness/gate.ts';
import { prefilled, step } from '../exactness/sequences.ts';

const positive = z.number().min(0);

/** Milliseconds of this model on this machine. */
export const stepTimesSchema = z.strictObject({
  /** A plain step; each further row of a verification, its draft included; a prompt token. */
  step: positive,
  row: positive,
  prefill: positive,
});
export type StepTimes = z.infer<typeof stepTimesSchema>;

const promptTokens = 96;
const depth = 3;
const repeats = 5;

/** Times a prompt, plain steps and verifications; takes some twenty steps. */
export async function measureSteps(model: Model): Promise<StepTimes> {
  const context = await gateContext(model);
  const timed = async (work: () => Promise<unknown>): Promise<number> => {
    const begin = performance.now();
    await work();
    return performance.now() - begin;
  };
  await (await prefilled(context, 8)).dispose();
  const prefill = await timed(async () => (await prefilled(context, promptTokens)).dispose());
  const sequence = await prefilled(context, promptTokens);
  const tokens = [context.tokens[promptTokens]!];
  const many = async (rows: number): Promise<number> => {
    const times: number[] = [];
    for (let i = 0; i < repeats; i++)
      times.push(await timed(() => step(sequence, { keep: 0, tokens, depth: rows - 1 })));
    return median(times);
  };
  const plain = await many(1);
  const verified = await many(depth + 1);
  await sequence.dispose();
  return { step: plain, row: Math.max(0, verified - plain) / depth, prefill: prefill / promptTokens };
}

/** Expected milliseconds of some work; JavaScript is taken to be as fast as where its costs were written down. */
export function milliseconds({ steps = 0, rows = 0, prefill = 0, seconds = 0 }: Cost, times: StepTimes): number {
  return steps * times.step + rows * times.row + prefill * times.prefill + 1000 * seconds;
}
