import { open } from 'node:fs/promises';
import { MtplxError } from '../errors.ts';
import { dtypeBytes } from './dtype.ts';

/** One tensor of a safetensors file; `begin` and `end` are byte positions in the file. */
export interface HeaderTensor {
  dtype: string;
  shape: number[];
  begin: number;
  end: number;
}

export interface SafetensorsHeader {
  path: string;
  /** Size of the file in bytes. */
  bytes: number;
  /** The header's JSON as it stands in the file. */
  text: string;
  metadata: Record<string, string>;
  tensors: Map<string, HeaderTensor>;
}

/** The format's own limit on the header's length. */
const maxHeaderBytes = 100_000_000;

/**
 * Reads the header of a safetensors file and checks it against the file's size, without reading any weights.
 * Throws MtplxError `MTPLX_E_FILE_BROKEN` or `MTPLX_E_FILE_TRUNCATED`, which name file and tensor.
 */
export async function readSafetensorsHeader(path: string): Promise<SafetensorsHeader> {
  const file = await open(path, 'r').catch((cause: unknown) => {
    throw new MtplxError('MTPLX_E_FILE_BROKEN', { file: path, problem: (cause as Error).message });
  });
  try {
    const { size } = await file.stat();
    const bad = (problem: string): MtplxError => new MtplxError('MTPLX_E_FILE_BROKEN', { file: path, problem });
    const length = Buffer.alloc(8);
    if (size < 8 || (await file.read(length, 0, 8, 0)).bytesRead < 8)
      throw bad(`the file has ${size} bytes, too few for a header`);
    const headerBytes = length.readBigUInt64LE();
    if (headerBytes > maxHeaderBytes)
      throw bad(`the header would be ${headerBytes} bytes long, the limit is ${maxHeaderBytes}`);
    const dataStart = 8 + Number(headerBytes);
    if (dataStart > size)
      throw new MtplxError('MTPLX_E_FILE_TRUNCATED', {
        file: path,
        tensor: 'the header',
        expected: dataStart,
        found: size,
      });
    const raw = Buffer.alloc(dataStart - 8);
    await file.read(raw, 0, raw.length, 8);
    const text = raw.toString('utf8');
    return { path, bytes: size, text, ...parse(text, path, dataStart, size) };
  } finally {
    await file.close();
  }
}

function parse(
  text: string,
  path: string,
  dataStart: number,
  size: number,
): Pick<SafetensorsHeader, 'metadata' | 'tensors'> {
  const bad = (problem: string): MtplxError => new MtplxError('MTPLX_E_FILE_BROKEN', { file: path, problem });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw bad('the header is not JSON');
  }
  if (!isRecord(json)) throw bad('the header is not an object');
  const tensors = new Map<string, HeaderTensor>();
  let metadata: Record<string, string> = {};
  for (const [name, entry] of Object.entries(json)) {
    if (name === '__metadata__') metadata = isRecord(entry) ? (entry as Record<string, string>) : {};
    else tensors.set(name, parseTensor(name, entry, dataStart, bad));
  }
  let end = dataStart;
  for (const [name, tensor] of [...tensors].toSorted((a, b) => a[1].begin - b[1].begin || a[1].end - b[1].end)) {
    if (tensor.begin !== end)
      throw bad(`tensor ${name} starts at byte ${tensor.begin}, the one before it ends at ${end}`);
    end = tensor.end;
    if (end > size)
      throw new MtplxError('MTPLX_E_FILE_TRUNCATED', { file: path, tensor: name, expected: end, found: size });
  }
  if (end !== size) throw bad(`the file has ${size} bytes, its tensors end at byte ${end}`);
  return { metadata, tensors };
}

function parseTensor(
  name: string,
  entry: unknown,
  dataStart: number,
  bad: (problem: string) => MtplxError,
): HeaderTensor {
  if (!isRecord(entry)) throw bad(`tensor ${name} is not described by an object`);
  const { dtype, shape, data_offsets: offsets } = entry;
  if (typeof dtype !== 'string' || !Object.hasOwn(dtypeBytes, dtype))
    throw bad(`tensor ${name} has the unknown dtype ${JSON.stringify(dtype)}`);
  if (!isCounts(shape)) throw bad(`tensor ${name} has the shape ${JSON.stringify(shape)}`);
  if (!isCounts(offsets) || offsets.length !== 2)
    throw bad(`tensor ${name} has the offsets ${JSON.stringify(offsets)}`);
  const [begin, end] = offsets as [number, number];
  const bytes = shape.reduce((product, n) => product * n, dtypeBytes[dtype]!);
  if (end - begin !== bytes)
    throw bad(`tensor ${name} is ${dtype} [${shape.join(', ')}] of ${bytes} bytes, its offsets span ${end - begin}`);
  return { dtype, shape, begin: dataStart + begin, end: dataStart + end };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}
