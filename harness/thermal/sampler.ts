import { setTimeout as sleep } from 'node:timers/promises';
import { noReading, type Reading, type Sensors } from './sensors/sensors.ts';

const second = 1000;

/** Reads sensors once a second beside the work. */
export class Sampler {
  readonly #sensors: Sensors;
  readonly #stop = new AbortController();
  readonly #begin = performance.now();
  readonly #readings = new Map<number, Reading>();
  readonly #loop: Promise<void>;

  constructor(sensors: Sensors) {
    this.#sensors = sensors;
    this.#loop = this.#run();
  }

  /** Ends the sampling; readings by second, nothing known where none was made. */
  async stop(): Promise<(second: number) => Reading> {
    this.#stop.abort();
    await this.#loop;
    return (at) => this.#readings.get(at) ?? noReading;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const elapsed = performance.now() - this.#begin;
      const at = Math.floor(elapsed / second);
      // A sensor that fails says nothing; the run goes on.
      this.#readings.set(at, await this.#sensors.read().catch(() => noReading));
      const left = (at + 1) * second - (performance.now() - this.#begin);
      await sleep(Math.max(0, left), undefined, { signal }).catch(() => undefined);
    }
  }
}
