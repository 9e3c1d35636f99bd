import { linuxSensors } from './linux.ts';
import { powermetrics, thermalForge } from './macos.ts';
import { nvidiaSensors } from './nvidia.ts';
import { type Sensors, together } from './sensors.ts';

/** Every sensor of this machine. `allowPowermetrics` lets macOS's powermetrics run as root. */
export async function machineSensors(allowPowermetrics: boolean): Promise<Sensors> {
  const own: Sensors[] =
    process.platform === 'darwin'
      ? [thermalForge(), ...(allowPowermetrics ? [powermetrics()] : [])]
      : [await linuxSensors()];
  const cards = nvidiaSensors();
  return together(cards === null ? own : [...own, cards]);
}
