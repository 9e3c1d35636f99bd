import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { MtplxError } from '../errors.ts';
import type { TensorPlan } from '../engine/types.ts';
import { dtypeBytes } from './dtype.ts';
import type { SafetensorsHeader } from './safetensors-header.ts';

interface Segment {
  file: number;
  begin: number;
  end: number;
}

/** At most this many bytes of a tensor are in memory at a time. */
const chunkBytes = 16 * 2 ** 20;

/** Reads planned tensors in whole rows, in the order of the planned shape. */
export class TensorReader {
  readonly #headers: SafetensorsHeader[];
  readonly #files: FileHandle[];

  private constructor(headers: SafetensorsHeader[], files: FileHandle[]) {
    this.#headers = headers;
    this.#files = files;
  }

  static async open(headers: SafetensorsHeader[]): Promise<TensorReader> {
    return new TensorReader(headers, await Promise.all(headers.map(({ path }) => open(path, 'r'))));
  }

  async close(): Promise<void> {
    await Promise.all(this.#files.map((file) => file.close()));
  }

  dtype(plan: TensorPlan): string {
    const { file, key } = plan.sources[0]!;
    return this.#headers[file]!.tensors.get(key)!.dtype;
  }

  /** The tensor's bytes in pieces of whole rows (of its last axis). */
  async *rows(plan: TensorPlan, limit: number = chunkBytes): AsyncGenerator<Uint8Array> {
    const row = plan.shape.at(-1)! * dtypeBytes[this.dtype(plan)]!;
    const step = Math.max(1, Math.floor(limit / row)) * row;
    for (const { file, begin, end } of this.#segments(plan)) {
      for (let at = begin; at < end; at += step) {
        const bytes = Buffer.alloc(Math.min(step, end - at));
        const { bytesRead } = await this.#files[file]!.read(bytes, 0, bytes.length, at);
        if (bytesRead < bytes.length)
          throw new MtplxError('MTPLX_E_FILE_TRUNCATED', {
            file: this.#headers[file]!.path,
            tensor: plan.sources[0]!.key,
            expected: end,
            found: at + bytesRead,
          });
        yield bytes;
      }
    }
  }

  #segments({ op, sources, shape }: TensorPlan): Segment[] {
    const whole = sources.map(({ file, key }) => ({ file, ...this.#headers[file]!.tensors.get(key)! }));
    if (op === 'take' || op === 'stack') return whole;
    const { file, begin, end } = whole[0]!;
    const matrices = shape.slice(0, -2).reduce((product, n) => product * n, 1);
    const half = (end - begin) / matrices / 2;
    const shift = op === 'second-half' ? half : 0;
    return Array.from({ length: matrices }, (_, i) => ({
      file,
      begin: begin + 2 * half * i + shift,
      end: begin + 2 * half * i + shift + half,
    }));
  }
}
