import { setTimeout as sleep } from 'node:timers/promises';
import { noReading, type Reading, type Sensors } from './sensors/sensors.ts';

const second = 1000;

/** Milliseconds now, and a wait that an abort ends. */
export interface Clock {
  now: () => number;
  wait: (ms: number, signal: AbortSignal) => Promise<unknown>;
}

const realClock: Clock = {
  now: () => performance.now(),
  wait: (ms, signal) => sleep(ms, undefined, { signal }).catch(() => undefined),
};

/** Reads sensors once a second beside the work. */
export class Sampler {
  readonly #sensors: Sensors;
  readonly #clock: Clock;
  readonly #stop = new AbortController();
  readonly #readings = new Map<number, Reading>();
  readonly #loop: Promise<void>;

  constructor(sensors: Sensors, clock = realClock) {
    this.#sensors = sensors;
    this.#clock = clock;
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
    const begin = this.#clock.now();
    const elapsed = (): number => this.#clock.now() - begin;
    for (let at = 0; !signal.aborted;) {
      // A sensor that fails says nothing; the run goes on.
      this.#readings.set(at, await this.#sensors.read().catch(() => noReading));
      // A timer may fire a moment early: the next second is counted, not read off the clock.
      const next = Math.max(at + 1, Math.floor(elapsed() / second));
      await this.#clock.wait(Math.max(0, next * second - elapsed()), signal);
      at = Math.max(next, Math.floor(elapsed() / second));
    }
  }
}
