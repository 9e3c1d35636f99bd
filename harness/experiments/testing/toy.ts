import { z } from 'zod';
import type { Columns } from '../columns.ts';
import type { Experiment, Unit } from '../experiment.ts';

/** An experiment without a model: squares of numbers. */

const columns = { number: 'int', square: 'float', note: 'text?' } as const satisfies Columns;

export interface ToySpec {
  numbers: number[];
}

export interface ToyResult {
  sum: number;
  rows: number;
  commit: string | null;
}

export type Toy = Experiment<ToySpec, typeof columns, ToyResult>;

/** `onUnit` is called before each unit: to abort, to throw, to count. */
export function toy(onUnit: (unit: Unit) => void | Promise<void> = () => undefined, specVersion = 1): Toy {
  return {
    name: 'toy',
    specVersion,
    specSchema: z.strictObject({ numbers: z.array(z.number()) }),
    resultSchema: z.strictObject({ sum: z.number(), rows: z.int(), commit: z.string().nullable() }),
    columns,
    units: ({ numbers }) => numbers.map((n, i) => ({ key: `${i}`, text: `the square of ${n}`, cost: 1 })),
    open: async ({ numbers }) => ({
      engine: null,
      model: null,
      run: async (unit) => {
        await onUnit(unit);
        const number = numbers[Number(unit.key)]!;
        return [
          { number, square: number * number, note: null },
          { number: -number, square: number * number, note: 'mirrored' },
        ];
      },
      close: async () => undefined,
    }),
    summarise: (_, rows, { description }) => ({
      sum: rows.reduce((sum, { square }) => sum + square, 0),
      rows: rows.length,
      commit: description.commit,
    }),
    headline: ({ sum }) => `sum ${sum}`,
  };
}
