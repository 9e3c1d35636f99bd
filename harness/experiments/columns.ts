import { Bool, type DataType, Dictionary, Field, Float64, Int32, Int64, List, Utf8 } from 'apache-arrow';
import { z } from 'zod';
import type { RecordColumn } from '../record.ts';

interface Cells {
  text: string;
  /** 32 bits. */
  int: number;
  /** A whole number up to 2^53; 64 bits in the record. */
  long: number;
  /** Finite. */
  float: number;
  flag: boolean;
  texts: string[];
  ints: number[];
  floats: number[];
}

type Kind = keyof Cells;

/** What a column holds; with `?` its cells may be null. */
export type ColumnKind = Kind | `${Kind}?`;
export type Columns = Readonly<Record<string, ColumnKind>>;

type CellOf<K extends ColumnKind> = K extends `${infer Base extends Kind}?`
  ? Cells[Base] | null
  : K extends Kind
    ? Cells[K]
    : never;

/** A row of these columns: plain JSON. */
export type RowOf<C extends Columns> = { [Name in keyof C]: CellOf<C[Name]> };

const int32 = z
  .int()
  .min(-(2 ** 31))
  .max(2 ** 31 - 1);

const kinds: Record<Kind, { type: () => DataType; cell: z.ZodType }> = {
  text: { type: () => new Dictionary(new Utf8(), new Int32()), cell: z.string() },
  int: { type: () => new Int32(), cell: int32 },
  long: { type: () => new Int64(), cell: z.int() },
  float: { type: () => new Float64(), cell: z.number() },
  flag: { type: () => new Bool(), cell: z.boolean() },
  texts: { type: () => listOf(new Utf8()), cell: z.array(z.string()) },
  ints: { type: () => listOf(new Int32()), cell: z.array(int32) },
  floats: { type: () => listOf(new Float64()), cell: z.array(z.number()) },
};

function listOf(type: DataType): DataType {
  return new List(new Field('item', type, false));
}

function parts(kind: ColumnKind): { base: Kind; optional: boolean } {
  const optional = kind.endsWith('?');
  return { base: (optional ? kind.slice(0, -1) : kind) as Kind, optional };
}

/** Checks rows as they are written and read again: exactly these columns, numbers finite. */
export function rowSchema<C extends Columns>(columns: C): z.ZodType<RowOf<C>> {
  const shape = Object.entries(columns).map(([name, kind]): [string, z.ZodType] => {
    const { base, optional } = parts(kind);
    const { cell } = kinds[base];
    return [name, optional ? cell.nullable() : cell];
  });
  return z.strictObject(Object.fromEntries(shape)) as unknown as z.ZodType<RowOf<C>>;
}

/** The rows as Arrow columns. */
export function recordColumns(
  columns: Columns,
  rows: readonly Readonly<Record<string, unknown>>[],
): Record<string, RecordColumn> {
  return Object.fromEntries(
    Object.entries(columns).map(([name, kind]) => {
      const { base } = parts(kind);
      const cell = (value: unknown): unknown => (base === 'long' && value !== null ? BigInt(value as number) : value);
      return [name, { type: kinds[base].type(), values: rows.map((row) => cell(row[name])) }];
    }),
  );
}

/** Rows of a record as they were written. @throws z.ZodError for rows of other columns */
export function rowsOfRecord<C extends Columns>(
  columns: C,
  rows: readonly Readonly<Record<string, unknown>>[],
): RowOf<C>[] {
  const schema = z.array(rowSchema(columns));
  return schema.parse(rows.map((row) => Object.fromEntries(Object.entries(row).map(([k, v]) => [k, plain(v)]))));
}

/** 64-bit columns come as bigint. */
function plain(value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : value;
}
