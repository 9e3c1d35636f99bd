import { z } from 'zod';
import type { AcceptanceName } from '../../runtime/index.ts';

const rule = z.enum(['leviathan', 'coupled']);

/** What varies in an acceptance study: temperature and rule on the suite's prompts, or the length of the context. */
export const cellSchema = z.discriminatedUnion('series', [
  z.strictObject({ series: z.literal('sampling'), temperature: z.number().min(0), acceptance: rule }),
  z.strictObject({ series: z.literal('context'), context: z.int().min(1) }),
]);

export type Cell = z.infer<typeof cellSchema>;

export interface CellOptions {
  temperatures: readonly number[];
  rules: readonly AcceptanceName[];
  /** Tokens before the first new one. */
  contexts: readonly number[];
}

/** All cells, rising. */
export function cellsOf({ temperatures, rules, contexts }: CellOptions): Cell[] {
  const rising = (values: readonly number[]): number[] => [...new Set(values)].toSorted((a, b) => a - b);
  return [
    ...rising(temperatures).flatMap((temperature) =>
      [...new Set(rules)].map((acceptance): Cell => ({ series: 'sampling', temperature, acceptance })),
    ),
    ...rising(contexts).map((context): Cell => ({ series: 'context', context })),
  ];
}

/** Names a cell in keys: `T0.6/leviathan`, `context/512`. */
export function cellKey(cell: Cell): string {
  return cell.series === 'sampling' ? `T${cell.temperature}/${cell.acceptance}` : `context/${cell.context}`;
}

/** A prompt that falls short of a context by less than this counts as that long. */
const shortfall = 0.1;

/**
 * The end of a prompt as a context of this length: every length ends with the same tokens, so that the length alone
 * differs. null for a prompt that is too short.
 */
export function contextOf(prompt: Int32Array, context: number): Int32Array | null {
  if (prompt.length < (1 - shortfall) * context) return null;
  return prompt.subarray(Math.max(0, prompt.length - context));
}
