import { createHash } from 'node:crypto';
import type { CycleResult } from '../../runtime/engine/types.ts';

type Hashed = Pick<CycleResult, 'ids' | 'logits' | 'logSums' | 'drawn'>;

/** Results of up to this size wait for `take`: a whole vocabulary would fill the memory in a long generation. */
const waitingBytes = 1 << 16;

/**
 * 64 bits of the sha256 of what a cycle said about its target rows (candidate ids, bits of their logits and of the log-sums,
 * native draws), as 16 hex digits. Equal for equal bits on every machine; a replay compares them.
 */
export function logitHash({ ids, logits, logSums, drawn }: Hashed): string {
  const hash = createHash('sha256');
  for (const part of [ids, logits, logSums, drawn])
    hash.update(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
  return hash.digest('hex').slice(0, 16);
}

/**
 * Hashes of one generation's native calls. `observe` goes into decode()'s options as `onResult`; it keeps references, and the
 * work is done in `take`, outside of what is timed.
 */
export class LogitHashes {
  #results: (Hashed | string)[] = [];

  readonly observe = (result: CycleResult): void => {
    const large = result.ids.byteLength + result.logits.byteLength > waitingBytes;
    this.#results.push(large ? logitHash(result) : result);
  };

  /** One hash a step of decode(): the last chunk of the prefill, then the cycles. */
  take(steps: number): string[] {
    const results = this.#results.slice(this.#results.length - steps);
    this.#results = [];
    return results.map((result) => (typeof result === 'string' ? result : logitHash(result)));
  }
}
