import type { Unit } from './experiment.ts';

/** How far a run is. Told before each unit, never during one. */
export interface RunProgress {
  /** Folder of the run. */
  folder: string;
  /** Units. */
  done: number;
  total: number;
  /** What runs next. */
  text: string;
  /** Estimate of the time left, milliseconds; null before the first unit has been measured. */
  leftMs: number | null;
}

/** Time left, by the units' costs: milliseconds a unit of cost so far, times the cost of what is to come. */
export class Estimate {
  #left: number;
  #cost = 0;
  #ms = 0;

  constructor(units: readonly Unit[]) {
    this.#left = units.reduce((sum, { cost }) => sum + cost, 0);
  }

  /** A unit is done: just now, or in an earlier session of the run. */
  add({ cost }: Unit, ms: number): void {
    this.#left -= cost;
    this.#cost += cost;
    this.#ms += ms;
  }

  get leftMs(): number | null {
    return this.#cost > 0 ? (Math.max(0, this.#left) * this.#ms) / this.#cost : null;
  }
}
