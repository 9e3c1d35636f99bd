import { existsSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { addonPath } from '../../runtime/engine/addon.ts';
import { embeddedModel } from '../../runtime/index.ts';
import { skip } from '../../scripts/testing/skip.ts';
import { parseArms } from './arms.ts';
import { openThermal, thermal, thermalSpec } from './experiment.ts';
import type { ThermalRow } from './rows.ts';
import { noReading, type Sensors } from './sensors/sensors.ts';
import { summariseThermal } from './summary.ts';

const test = suite('thermal experiment');
const onEngine = existsSync(addonPath()) ? test : skip(test, 'the addon is not built: npm run build:native');

const options = {
  suite: 'smoke-code-16',
  model: embeddedModel,
  seed: 0,
  arms: parseArms('ar,mtp:2'),
  minutes: 3 / 60,
  rounds: 2,
  coolDown: 2,
  powermetrics: false,
};

test('the arms take turns, every second round in the other order', async () => {
  assert.equal(
    thermal.units(await thermalSpec(options)).map(({ key, cost }) => [key, cost]),
    [
      ['0/ar', 3],
      ['1/mtp-d2', 5],
      ['2/mtp-d2', 5],
      ['3/ar', 5],
    ],
  );
});

onEngine('two legs of three seconds on the embedded model, with a cool-down and a thermometer', async () => {
  const spec = await thermalSpec({ ...options, rounds: 1 });
  let [reads, closed] = [0, 0];
  const sensors: Sensors = {
    read: async () => {
      reads += 1;
      return { ...noReading, temperatures: { core: 40 + reads }, temperatureC: 40 + reads };
    },
    close: () => void (closed += 1),
  };
  const begin = performance.now();
  const environment = {
    signal: undefined,
    modelFolder: undefined,
    now: () => performance.now() - begin,
    report: () => undefined,
  };
  const open = await openThermal(spec, environment, sensors);
  const rows: ThermalRow[] = [];
  for (const unit of thermal.units(spec)) rows.push(...(await open.run(unit, undefined)));
  await open.close();
  assert.is(closed, 1);
  assert.equal(
    rows.map(({ leg, arm, phase, second }) => [leg, arm, phase, second].join()),
    [
      ...[0, 1, 2].map((second) => `0,ar,run,${second}`),
      ...[0, 1].map((second) => `1,mtp-d2,cool-down,${second}`),
      ...[0, 1, 2].map((second) => `1,mtp-d2,run,${second}`),
    ],
  );
  assert.equal(
    rows.toSorted((a, b) => a.at_s - b.at_s),
    rows,
  );
  const { legs, missing } = summariseThermal(rows, 0);
  for (const leg of legs) {
    assert.ok(leg.tok_s > 1, `${leg.arm}: ${leg.tok_s} tok/s`);
    assert.ok(leg.temperature_c!.last > leg.temperature_c!.first);
  }
  assert.is(legs[0]!.acceptance_rate, null);
  assert.ok(legs[1]!.acceptance_rate! > 0);
  assert.equal(missing, ['fan_rpm', 'clock_mhz', 'gpu_temperature_c', 'gpu_clock_mhz']);
});

test.run();
