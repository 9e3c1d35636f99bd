import { readFile } from 'node:fs/promises';
import { arch, availableParallelism, cpus, loadavg, machine, platform, release, totalmem } from 'node:os';
import { z } from 'zod';
import { linuxSensors } from './thermal/sensors/linux.ts';

export const machineSchema = z.strictObject({
  /** Name of the CPU as the operating system gives it. */
  cpu: z.string(),
  /** Logical CPUs of the machine, and how many this process may use. */
  cores: z.int().min(1),
  usable_cores: z.int().min(1),
  memory_bytes: z.int().min(1),
  os: z.string(),
  arch: z.string(),
  /** Frequency governor of the first CPU; null where the system names none (macOS, most virtual machines). */
  governor: z.string().nullable(),
  /** Running processes, mean of the last 1, 5 and 15 minutes, when the measurement began: an idle machine has about 0. */
  load_average: z.tuple([z.number(), z.number(), z.number()]),
  node: z.string(),
  /** Names of the temperature sensors; empty where the system shows none, as most virtual machines do. */
  temperature_sensors: z.array(z.string()),
});

/** The machine that numbers were taken on. */
export type Machine = z.infer<typeof machineSchema>;

const governorFile = '/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor';

export async function describeMachine(): Promise<Machine> {
  const all = cpus();
  const governor = await readFile(governorFile, 'utf8').catch(() => null);
  const sensors = await linuxSensors(); // none on other systems
  return {
    cpu: all[0]?.model.trim() ?? machine(),
    cores: Math.max(1, all.length),
    usable_cores: availableParallelism(),
    memory_bytes: totalmem(),
    os: `${platform()} ${release()}`,
    arch: arch(),
    governor: governor?.trim() ?? null,
    load_average: loadavg() as Machine['load_average'],
    node: process.version,
    temperature_sensors: Object.keys((await sensors.read()).temperatures).toSorted(),
  };
}
