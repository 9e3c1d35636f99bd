import type { Arm } from '../bench/arms.ts';
import type { Columns, RowOf } from '../experiments/columns.ts';
import type { Bucket } from './buckets.ts';
import type { Reading } from './sensors/sensors.ts';

/** One row a second: of a leg (`run`), or of the cool-down before it. Cells are null where there is no sensor. */
export const thermalColumns = {
  leg: 'int',
  arm: 'text',
  depth: 'int',
  phase: 'text',
  /** From 0 in each phase. */
  second: 'int',
  /** Seconds from the start of the run. */
  at_s: 'float',
  emitted: 'int',
  cycles: 'int',
  drafted: 'int',
  accepted: 'int',
  /** Of the processor: the hottest sensor, the fastest fan, the mean over the cores. */
  temperature_c: 'float?',
  fan_rpm: 'float?',
  clock_mhz: 'float?',
  gpu_temperature_c: 'float?',
  gpu_clock_mhz: 'float?',
  /** Every temperature sensor and its value. */
  sensors: 'texts',
  temperatures: 'floats',
} as const satisfies Columns;

export type ThermalRow = RowOf<typeof thermalColumns>;

/** What all rows of a phase share. */
export interface Phase {
  leg: number;
  arm: Arm;
  phase: 'run' | 'cool-down';
  /** Start of the phase, milliseconds on the run's clock. */
  beginMs: number;
}

export function thermalRow({ leg, arm, phase, beginMs }: Phase, bucket: Bucket, reading: Reading): ThermalRow {
  return {
    leg,
    arm: arm.name,
    depth: arm.depth,
    phase,
    at_s: beginMs / 1000 + bucket.second,
    ...bucket,
    temperature_c: reading.temperatureC,
    fan_rpm: reading.fanRpm,
    clock_mhz: reading.clockMhz,
    gpu_temperature_c: reading.gpuTemperatureC,
    gpu_clock_mhz: reading.gpuClockMhz,
    sensors: Object.keys(reading.temperatures),
    temperatures: Object.values(reading.temperatures),
  };
}
