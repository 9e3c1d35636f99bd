import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parsePowermetrics, parseStatus, powermetrics, thermalForge } from './macos.ts';
import { nvidiaSensors } from './nvidia.ts';
import { noReading, type Reading, type Sensors, together } from './sensors.ts';

const test = suite<{ folder: string }>('sensors by programs');

test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'mtplx-sensors-'));
});
test.after.each(({ folder }) => rmSync(folder, { recursive: true }));

function program(folder: string, body: string): string {
  const file = join(folder, 'program');
  writeFileSync(file, `#!/bin/sh\n${body}\n`);
  chmodSync(file, 0o755);
  return file;
}

/** What it reads once the program has spoken: at most ten seconds. */
async function settled(sensors: Sensors, wanted: (reading: Reading) => boolean): Promise<Reading> {
  for (let i = 0; i < 200; i++) {
    const reading = await sensors.read();
    if (wanted(reading)) return reading;
    await sleep(50);
  }
  return sensors.read();
}

test('nvidia-smi: the hottest card, the mean clock, and nothing for [N/A]', async ({ folder }) => {
  const smi = program(
    folder,
    `case "$1" in
  --query-gpu=index) echo 0; echo 1;;
  *) echo "0, 41, 1400"; echo "1, 55, [N/A]"; exec sleep 60;;
esac`,
  );
  const sensors = nvidiaSensors(smi)!;
  try {
    const reading = await settled(sensors, ({ temperatures }) => 'gpu1' in temperatures);
    assert.equal(reading, {
      ...noReading,
      temperatures: { gpu0: 41, gpu1: 55 },
      gpuTemperatureC: 55,
      gpuClockMhz: 1400,
    });
  } finally {
    sensors.close();
  }
});

test('no nvidia-smi, or none that finds a card, is no sensor', ({ folder }) => {
  assert.is(nvidiaSensors(join(folder, 'none')), null);
  assert.is(nvidiaSensors(program(folder, 'echo "No devices were found"; exit 6')), null);
});

test('a program that ends leaves no old reading behind', async ({ folder }) => {
  const script = program(folder, 'echo "E-Cluster HW active frequency: 900 MHz"; sleep 1');
  const sensors = powermetrics(script, []);
  assert.is((await settled(sensors, ({ clockMhz }) => clockMhz !== null)).clockMhz, 900);
  assert.equal(await settled(sensors, ({ clockMhz }) => clockMhz === null), noReading);
  sensors.close();
});

test('powermetrics: the fastest cluster of the last sample', () => {
  const lines = [
    'E-Cluster HW active frequency: 1020 MHz',
    'P0-Cluster HW active frequency: 3204 MHz',
    'P1-Cluster HW active frequency: 2900 MHz',
    'CPU Power: 5000 mW',
  ];
  const read = (from: Reading): Reading => lines.reduce((last, line) => parsePowermetrics(line, last), from);
  assert.is(read(noReading).clockMhz, 3204);
  assert.is(read({ ...noReading, clockMhz: 4000 }).clockMhz, 3204);
});

test('powermetrics without permission reads nothing', async ({ folder }) => {
  const sensors = powermetrics(program(folder, 'exit 1'), []);
  await sleep(100);
  assert.equal(await sensors.read(), noReading);
  sensors.close();
});

test('ThermalForge: fans, and the hottest of the processor', async ({ folder }) => {
  const status = {
    fans: [{ index: 0, actual_rpm: 2317, mode: 'auto' }, { actual_rpm: 2500 }],
    temperatures: { 'CPU Core 1': 61.5, 'SOC MTR': 55, Battery: 70 },
  };
  const sensors = thermalForge(program(folder, `echo '${JSON.stringify(status)}'`));
  const reading = await sensors.read();
  assert.equal([reading.temperatureC, reading.fanRpm, reading.clockMhz], [61.5, 2500, null]);
  assert.equal(reading.temperatures, status.temperatures);
  assert.equal(await thermalForge(join(folder, 'none')).read(), noReading);
});

test('ThermalForge: an answer of another form reads nothing', () => {
  for (const text of ['', 'no', '[]', '{"fans":[{}]}', '{"temperatures":{"CPU":"hot"}}'])
    assert.equal(parseStatus(text), noReading, text);
});

test('several sources: the first that knows gives the value, temperatures come from all', async () => {
  const source = (reading: Partial<Reading>): Sensors => {
    return { read: async () => ({ ...noReading, ...reading }), close: () => undefined };
  };
  const all = together([
    source({ temperatures: { a: 1 }, clockMhz: 100 }),
    source({ temperatures: { b: 2 }, temperatureC: 2, clockMhz: 200 }),
  ]);
  assert.equal(await all.read(), { ...noReading, temperatures: { a: 1, b: 2 }, temperatureC: 2, clockMhz: 100 });
});

test.run();
