import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { linuxSensors } from './linux.ts';
import { noReading } from './sensors.ts';

const test = suite<{ sys: string }>('sensors of Linux');

test.before.each((context) => {
  context.sys = mkdtempSync(join(tmpdir(), 'mtplx-sys-'));
});
test.after.each(({ sys }) => rmSync(sys, { recursive: true }));

function write(sys: string, files: Record<string, string>): void {
  for (const [name, content] of Object.entries(files)) {
    const file = join(sys, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `${content}\n`);
  }
}

test('a machine with everything: labels, the hottest core, the fastest fan, the mean clock', async ({ sys }) => {
  write(sys, {
    'class/hwmon/hwmon0/name': 'coretemp',
    'class/hwmon/hwmon0/temp1_input': '61000',
    'class/hwmon/hwmon0/temp1_label': 'Package id 0',
    'class/hwmon/hwmon0/temp2_input': '63500',
    'class/hwmon/hwmon0/temp1_crit': '100000',
    'class/hwmon/hwmon1/name': 'nvme',
    'class/hwmon/hwmon1/temp1_input': '78000',
    'class/hwmon/hwmon2/name': 'thinkpad',
    'class/hwmon/hwmon2/fan1_input': '2100',
    'class/hwmon/hwmon2/fan2_input': '2500',
    'class/thermal/thermal_zone0/type': 'acpitz',
    'class/thermal/thermal_zone0/temp': '45000',
    'class/thermal/cooling_device0/type': 'Processor',
    'devices/system/cpu/cpu0/cpufreq/scaling_cur_freq': '3000000',
    'devices/system/cpu/cpu1/cpufreq/scaling_cur_freq': '2000000',
    'devices/system/cpu/cpuidle/current_driver': 'intel_idle',
  });
  const sensors = await linuxSensors(sys);
  assert.equal(await sensors.read(), {
    ...noReading,
    temperatures: { 'coretemp/Package id 0': 61, 'coretemp/temp2': 63.5, 'nvme/temp1': 78, 'zone/acpitz': 45 },
    temperatureC: 63.5,
    fanRpm: 2500,
    clockMhz: 2500,
  });
});

test('readings are new each time, and a sensor that goes away is left out', async ({ sys }) => {
  write(sys, { 'class/thermal/thermal_zone0/type': 'x86_pkg_temp', 'class/thermal/thermal_zone0/temp': '50000' });
  const sensors = await linuxSensors(sys);
  assert.is((await sensors.read()).temperatureC, 50);
  write(sys, { 'class/thermal/thermal_zone0/temp': '-3500' });
  assert.is((await sensors.read()).temperatureC, -3.5);
  write(sys, { 'class/thermal/thermal_zone0/temp': 'asleep' });
  assert.equal(await sensors.read(), noReading);
  rmSync(join(sys, 'class/thermal/thermal_zone0/temp'));
  assert.equal(await sensors.read(), noReading);
});

test('without a sensor of the processor the hottest stands for it', async ({ sys }) => {
  write(sys, {
    'class/hwmon/hwmon0/name': 'nvme',
    'class/hwmon/hwmon0/temp1_input': '41000',
    'class/hwmon/hwmon1/name': 'iwlwifi',
    'class/hwmon/hwmon1/temp1_input': '52000',
  });
  assert.is((await (await linuxSensors(sys)).read()).temperatureC, 52);
});

test('a machine without sensors reads nothing', async ({ sys }) => {
  assert.equal(await (await linuxSensors(sys)).read(), noReading);
  assert.equal(await (await linuxSensors(join(sys, 'none'))).read(), noReading);
});

test.run();
