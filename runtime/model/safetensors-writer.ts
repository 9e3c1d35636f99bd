import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dtypeBytes } from './dtype.ts';

export interface OutputTensor {
  name: string;
  dtype: string;
  shape: number[];
}

export function tensorBytes({ dtype, shape }: Pick<OutputTensor, 'dtype' | 'shape'>): number {
  return shape.reduce((product, n) => product * n, dtypeBytes[dtype]!);
}

/** Writes a safetensors file whose tensors are known beforehand and whose bytes come piece by piece, in any order. */
export class SafetensorsWriter {
  readonly #file: FileHandle;
  readonly #next = new Map<string, { at: number; end: number }>();

  private constructor(file: FileHandle, tensors: OutputTensor[], dataStart: number) {
    this.#file = file;
    let at = dataStart;
    for (const tensor of tensors) this.#next.set(tensor.name, { at, end: (at += tensorBytes(tensor)) });
  }

  static async create(path: string, tensors: OutputTensor[]): Promise<SafetensorsWriter> {
    let end = 0;
    const entries = tensors.map((tensor) => {
      const begin = end;
      end += tensorBytes(tensor);
      return [tensor.name, { dtype: tensor.dtype, shape: tensor.shape, data_offsets: [begin, end] }];
    });
    let json = JSON.stringify({ __metadata__: { format: 'mlx' }, ...Object.fromEntries(entries) });
    // The format's own writer aligns the data to 8 bytes with blanks.
    json = json.padEnd(json.length + ((8 - (Buffer.byteLength(json) % 8)) % 8));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(Buffer.byteLength(json)));
    const header = Buffer.concat([length, Buffer.from(json)]);
    const file = await open(path, 'wx');
    await writeAll(file, header, 0);
    return new SafetensorsWriter(file, tensors, header.length);
  }

  /** Adds bytes at the end of what `name` has so far. */
  async append(name: string, bytes: Uint8Array): Promise<void> {
    const tensor = this.#next.get(name)!;
    if (tensor.at + bytes.length > tensor.end)
      throw new RangeError(`[SafetensorsWriter.append] Too many bytes for ${name}.`);
    await writeAll(this.#file, bytes, tensor.at);
    tensor.at += bytes.length;
  }

  /** Checks that every tensor is complete and flushes the file to the disk. */
  async finish(): Promise<void> {
    for (const [name, { at, end }] of this.#next)
      if (at !== end) throw new RangeError(`[SafetensorsWriter.finish] ${name} lacks ${end - at} bytes.`);
    await this.#file.sync();
    await this.#file.close();
  }

  async abandon(): Promise<void> {
    await this.#file.close();
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;)
    done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
}
