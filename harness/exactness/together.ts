import type { DecodingTarget } from '../../runtime/decoding/cycle.ts';
import type { CycleResult } from '../../runtime/engine/types.ts';
import type { Entry, GateEngine, GateSequence } from './engine.ts';
import { partOf } from './parts.ts';

/** Makes a sequence one of a batch: its cycles wait for those of the others. */
export type Seat = (sequence: GateSequence) => DecodingTarget;

interface Waiting {
  sequence: GateSequence;
  entry: Entry;
  resolve(result: CycleResult): void;
  reject(error: unknown): void;
}

/**
 * Runs loops side by side: once each of them waits for a cycle or has ended, the cycles go to the engine as one ragged
 * batch. @throws what the first loop that failed throws, after all have ended
 */
export async function sideBySide<T>(
  engine: Pick<GateEngine, 'cycleBatch'>,
  loops: readonly ((seat: Seat) => Promise<T>)[],
): Promise<T[]> {
  const table = new Table(engine, loops.length);
  const running = loops.map(async (loop) => {
    try {
      return await loop((sequence) => table.target(sequence));
    } finally {
      table.leave();
    }
  });
  await Promise.allSettled(running);
  return Promise.all(running);
}

class Table {
  readonly #engine: Pick<GateEngine, 'cycleBatch'>;
  #seats: number;
  #waiting: Waiting[] = [];

  constructor(engine: Pick<GateEngine, 'cycleBatch'>, seats: number) {
    this.#engine = engine;
    this.#seats = seats;
  }

  target(sequence: GateSequence): DecodingTarget {
    return {
      commit: (keep) => sequence.commit(keep),
      cycle: (entry) =>
        new Promise((resolve, reject) => {
          this.#waiting.push({ sequence, entry, resolve, reject });
          this.#serve();
        }),
    };
  }

  leave(): void {
    this.#seats -= 1;
    this.#serve();
  }

  #serve(): void {
    if (this.#waiting.length === 0 || this.#waiting.length < this.#seats) return;
    const served = this.#waiting;
    this.#waiting = [];
    const entries = served.map(({ entry }) => entry);
    this.#engine.cycleBatch(served.map(({ sequence, entry }) => ({ sequence, entry }))).then(
      (result) => served.forEach((one, i) => one.resolve({ ...partOf(result, entries, i), times: result.times })),
      (error: unknown) => served.forEach((one) => one.reject(error)),
    );
  }
}
