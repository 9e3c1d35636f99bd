import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { z } from 'zod';
import { lineSensors } from './lines.ts';
import { noReading, type Reading, type Sensors } from './sensors.ts';

const run = promisify(execFile);
const answerMs = 2000;

// `thermalforge status`; what it says beside this is left out.
const statusSchema = z.object({
  fans: z.array(z.object({ actual_rpm: z.number() })).default([]),
  temperatures: z.record(z.string(), z.number()).default({}),
});

/** Fans and temperatures by ThermalForge, which is asked anew for each reading. */
export function thermalForge(command = 'thermalforge'): Sensors {
  return {
    read: async () => {
      const output = await run(command, ['status'], { timeout: answerMs }).catch(() => null);
      return output === null ? noReading : parseStatus(output.stdout);
    },
    close: () => undefined,
  };
}

/** An answer of another form gives no reading: a measurement does not stop over its thermometer. */
export function parseStatus(text: string): Reading {
  try {
    const { fans, temperatures } = statusSchema.parse(JSON.parse(text));
    const processor = Object.entries(temperatures).filter(([name]) => /cpu|soc|core/i.test(name));
    const degrees = (processor.length > 0 ? processor : Object.entries(temperatures)).map(([, value]) => value);
    return {
      ...noReading,
      temperatures,
      temperatureC: degrees.length > 0 ? Math.max(...degrees) : null,
      fanRpm: fans.length > 0 ? Math.max(...fans.map(({ actual_rpm }) => actual_rpm)) : null,
    };
  } catch {
    return noReading;
  }
}

/** Clocks by powermetrics, which runs as root: only for those who allow it, and never with a question for a password. */
export function powermetrics(command = 'sudo', args = ['-n', 'powermetrics']): Sensors {
  return lineSensors(command, [...args, '--samplers', 'cpu_power', '-i', '1000'], parsePowermetrics);
}

/** Such as `P-Cluster HW active frequency: 3204 MHz`: the fastest cluster since the last `E-Cluster` line. */
export function parsePowermetrics(line: string, last: Reading): Reading {
  const [, cluster, mhz] = /^(\S*)-?Cluster HW active frequency: (\d+(?:\.\d+)?) MHz/.exec(line.trim()) ?? [];
  if (mhz === undefined) return last;
  const before = cluster!.startsWith('E') ? 0 : (last.clockMhz ?? 0);
  return { ...noReading, clockMhz: Math.max(before, Number(mhz)) };
}
