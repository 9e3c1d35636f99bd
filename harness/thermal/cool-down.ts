import { setTimeout as sleep } from 'node:timers/promises';
import type { Reading, Sensors } from './sensors/sensors.ts';

/** As cool as at the start, within what sensors jump by. */
const toleranceC = 2;

export interface CoolDownOptions {
  /** Temperature before the first leg; null without a sensor. */
  startC: number | null;
  /** Seconds at most; without a sensor, exactly. */
  seconds: number;
  signal: AbortSignal | undefined;
  secondMs?: number;
}

/**
 * Waits between two arms until the processor is as cool as it was at the start. One reading a second.
 * @throws the signal's reason after an abort
 */
export async function coolDown(sensors: Sensors, options: CoolDownOptions): Promise<Reading[]> {
  const { startC, seconds, signal, secondMs = 1000 } = options;
  const readings: Reading[] = [];
  while (readings.length < seconds) {
    signal?.throwIfAborted();
    const reading = await sensors.read();
    if (startC !== null && reading.temperatureC !== null && reading.temperatureC <= startC + toleranceC) break;
    readings.push(reading);
    await sleep(secondMs, undefined, { signal }).catch(() => undefined);
  }
  signal?.throwIfAborted();
  return readings;
}
