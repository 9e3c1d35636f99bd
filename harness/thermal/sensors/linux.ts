import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mean } from '../../averages.ts';
import { noReading, type Sensors } from './sensors.ts';

/** One file of sysfs that holds a whole number. */
interface Source {
  name: string;
  file: string;
  /** Whether it tells of the processor. */
  processor: boolean;
}

/** Drivers and zones of processors: Intel, AMD, most Arm boards. */
const processorNames = /^(?:coretemp|k10temp|zenpower|cpu[-_]?thermal.*|x86_pkg_temp|soc[-_]?thermal.*|cpu.*)$/;

/**
 * Hardware monitors, thermal zones and cpufreq of Linux, found once and read as files. Without a sensor of the
 * processor the hottest of all stands for it.
 */
export async function linuxSensors(sys = '/sys'): Promise<Sensors> {
  const [monitors, zones, clocks] = await Promise.all([hardwareMonitors(sys), thermalZones(sys), clockFiles(sys)]);
  const temperatures = [...monitors.temperatures, ...zones];
  return {
    read: async () => {
      const degrees = await readAll(temperatures, 1000);
      const own = degrees.filter(({ source }) => source.processor);
      const hottest = (own.length > 0 ? own : degrees).map(({ value }) => value);
      const fans = (await readAll(monitors.fans, 1)).map(({ value }) => value);
      // cpufreq counts in kilohertz.
      const mhz = (await readAll(clocks, 1000)).map(({ value }) => value);
      return {
        ...noReading,
        temperatures: Object.fromEntries(degrees.map(({ source, value }) => [source.name, value])),
        temperatureC: hottest.length > 0 ? Math.max(...hottest) : null,
        fanRpm: fans.length > 0 ? Math.max(...fans) : null,
        clockMhz: mhz.length > 0 ? mean(mhz) : null,
      };
    },
    close: () => undefined,
  };
}

async function hardwareMonitors(sys: string): Promise<{ temperatures: Source[]; fans: Source[] }> {
  const found: { temperatures: Source[]; fans: Source[] } = { temperatures: [], fans: [] };
  for (const folder of await folders(join(sys, 'class/hwmon'))) {
    const device = await text(join(folder, 'name'));
    for (const file of await names(folder)) {
      const [, kind, number] = /^(temp|fan)(\d+)_input$/.exec(file) ?? [];
      if (kind === undefined) continue;
      const label = (await text(join(folder, `${kind}${number}_label`))) ?? `${kind}${number}`;
      const processor = device !== null && processorNames.test(device);
      const list = kind === 'temp' ? found.temperatures : found.fans;
      list.push({ name: `${device ?? 'hwmon'}/${label}`, file: join(folder, file), processor });
    }
  }
  return found;
}

async function thermalZones(sys: string): Promise<Source[]> {
  const zones = (await folders(join(sys, 'class/thermal'))).filter((folder) => /thermal_zone\d+$/.test(folder));
  return Promise.all(
    zones.map(async (folder) => {
      const type = (await text(join(folder, 'type'))) ?? 'thermal zone';
      return { name: `zone/${type}`, file: join(folder, 'temp'), processor: processorNames.test(type) };
    }),
  );
}

async function clockFiles(sys: string): Promise<Source[]> {
  const cpus = await folders(join(sys, 'devices/system/cpu'));
  return cpus
    .filter((folder) => /cpu\d+$/.test(folder))
    .map((folder) => ({ name: folder, file: join(folder, 'cpufreq/scaling_cur_freq'), processor: true }));
}

/** Values over `unit`; a file that cannot be read now, or holds no number, is left out. */
async function readAll(sources: readonly Source[], unit: number): Promise<{ source: Source; value: number }[]> {
  const values = await Promise.all(
    sources.map(async (source) => {
      const content = await text(source.file);
      return { source, value: content === null || content === '' ? NaN : Number(content) / unit };
    }),
  );
  return values.filter(({ value }) => Number.isFinite(value));
}

async function text(file: string): Promise<string | null> {
  return readFile(file, 'utf8').then(
    (content) => content.trim(),
    () => null,
  );
}

async function names(folder: string): Promise<string[]> {
  const found: string[] = await readdir(folder).catch(() => []);
  return found.toSorted();
}

async function folders(folder: string): Promise<string[]> {
  return (await names(folder)).map((name) => join(folder, name));
}
