import { readFile } from 'node:fs/promises';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import {
  CompressionType,
  compressionRegistry,
  type DataType,
  RecordBatch,
  RecordBatchFileWriter,
  Schema,
  Table,
  tableFromIPC,
  Vector,
  vectorFromArray,
} from 'apache-arrow';
import { MtplxError } from '../runtime/errors.ts';

/** One column: its Arrow type and its values, null where a row has none. */
export interface RecordColumn {
  type: DataType;
  values: readonly unknown[];
}

compressionRegistry.set(CompressionType.ZSTD, {
  encode: (bytes) => zstdCompressSync(bytes),
  decode: (bytes) => zstdDecompressSync(bytes),
});

/** An Arrow IPC file (Feather v2) of one record batch, its buffers compressed with zstd. */
export function encodeRecord(columns: Record<string, RecordColumn>, metadata: Record<string, string>): Uint8Array {
  const vectors = Object.entries(columns).map(([name, { type, values }]): [string, Vector] => [
    name,
    vectorFromArray(values, type),
  ]);
  const table = new Table(Object.fromEntries(vectors));
  const schema = new Schema(table.schema.fields, new Map(Object.entries(metadata)));
  const batches = table.batches.map((batch) => new RecordBatch(schema, batch.data));
  const writer = new RecordBatchFileWriter({ compressionType: CompressionType.ZSTD });
  writer.writeAll(new Table(schema, batches));
  return writer.toUint8Array(true);
}

/** What an experiment left: its rows, and what it says beside them (suite, commit, machine, the result as JSON). */
export interface ExperimentRecord {
  metadata: Record<string, string>;
  /** Cells are numbers, strings, arrays of them, bigint for 64-bit whole numbers, null where a row has none. */
  rows: Record<string, unknown>[];
}

const magic = Buffer.from('ARROW1');

/** Reads a record. @throws MtplxError MTPLX_E_RUN_BROKEN */
export async function readRecord(file: string): Promise<ExperimentRecord> {
  try {
    const bytes = await readFile(file);
    // The reader takes an empty file for an empty table.
    if (!bytes.subarray(0, magic.length).equals(magic)) throw new Error('it is no Arrow file');
    const table: Table = tableFromIPC(bytes);
    const names = table.schema.fields.map(({ name }) => name);
    const plain = (row: Record<string, unknown>): Record<string, unknown> =>
      Object.fromEntries(names.map((name) => [name, row[name] instanceof Vector ? [...row[name]] : row[name]]));
    return { metadata: Object.fromEntries(table.schema.metadata), rows: table.toArray().map(plain) };
  } catch (cause) {
    throw new MtplxError('MTPLX_E_RUN_BROKEN', { file, problem: (cause as Error).message }, { cause });
  }
}
