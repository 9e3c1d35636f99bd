import type { CycleEntry, CycleResult, DrawSpec, RowEdits, SequenceState } from '../../native/types.ts';
import { fromNative, MtplxError } from '../errors.ts';
import { addon } from './addon.ts';
import { decodeCandidates, decodeResult, encodeBatch, encodeCandidates } from './wire.ts';

/** One growing text in the engine: committed history, and the pending rows of its last cycle. */
export class EngineSequence {
  readonly #handle: number;
  #disposed = false;

  constructor(handle: number) {
    this.#handle = handle;
  }

  /** One cycle of this sequence alone; see CycleEntry in native/types.ts. */
  cycle(entry: Omit<CycleEntry, 'sequence'>): Promise<CycleResult> {
    return runBatch([this], [entry]);
  }

  /** Makes the first `keep` rows of the last cycle history and drops the others. */
  async commit(keep: number): Promise<void> {
    await this.#call((handle) => addon().commit(handle, keep));
  }

  /** New candidates of the logits rows that the last cycle kept. */
  async candidates(
    edits: RowEdits[],
    candidates: { temperature: number; count: number },
    draw: DrawSpec | null,
  ): Promise<Pick<CycleResult, 'ids' | 'logits' | 'logSums' | 'drawn'>> {
    return decodeCandidates(
      await this.#call((handle) => addon().candidates(encodeCandidates(handle, edits, candidates, draw))),
    );
  }

  /** Whole logits [rows, V] or post-norm hidden rows [rows, H] of the last cycle. */
  async rows(what: 'logits' | 'hidden'): Promise<Float32Array> {
    return this.#call((handle) => addon().rows(handle, what));
  }

  /** An independent sequence with the same history; a snapshot is a fork that nobody advances. */
  async fork(): Promise<EngineSequence> {
    return new EngineSequence(await this.#call((handle) => addon().forkSequence(handle)));
  }

  /** Everything that the sequence remembers. For tests and gates. */
  async inspect(): Promise<SequenceState> {
    return this.#call((handle) => addon().inspect(handle));
  }

  async dispose(): Promise<void> {
    if (!this.#disposed) {
      this.#disposed = true;
      await addon().disposeSequence(this.#handle);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  /** The engine's handle. @throws MtplxError MTPLX_E_DISPOSED */
  get handle(): number {
    if (this.#disposed) {
      throw new MtplxError('MTPLX_E_DISPOSED', { what: 'sequence' });
    }
    return this.#handle;
  }

  async #call<T>(call: (handle: number) => Promise<T>): Promise<T> {
    const { handle } = this;
    try {
      return await call(handle);
    } catch (error) {
      throw fromNative(error);
    }
  }
}

/** One native call for several sequences of one model; results stand in the order of the batch. */
export function cycleBatch(
  batch: { sequence: EngineSequence; entry: Omit<CycleEntry, 'sequence'> }[],
): Promise<CycleResult> {
  return runBatch(
    batch.map(({ sequence }) => sequence),
    batch.map(({ entry }) => entry),
  );
}

/** One Promise around the native one, and no copies of entries: this runs once a cycle, on cold caches. */
async function runBatch(
  sequences: readonly EngineSequence[],
  entries: readonly Omit<CycleEntry, 'sequence'>[],
): Promise<CycleResult> {
  const packed = encodeBatch(
    sequences.map(({ handle }) => handle),
    entries,
  );
  try {
    return decodeResult(await addon().cycle(packed));
  } catch (error) {
    throw fromNative(error);
  }
}
