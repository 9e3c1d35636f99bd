import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseArms } from './arms.ts';
import { legSchema } from './document.ts';
import { type ThermalRow, thermalRow } from './rows.ts';
import { noReading, type Reading } from './sensors/sensors.ts';
import { summariseThermal } from './summary.ts';

const test = suite('summary of a thermal run');

interface LegShape {
  arm: string;
  seconds: number;
  coolDown?: number;
  emitted: (second: number) => number;
  reading?: (second: number) => Partial<Reading>;
}

function rowsOf(shapes: LegShape[]): ThermalRow[] {
  return shapes.flatMap(({ arm, seconds, coolDown = 0, emitted, reading = () => ({}) }, leg) => {
    const shared = { leg, arm: parseArms(arm)[0]!, beginMs: 1000 };
    const row = (phase: 'run' | 'cool-down', second: number): ThermalRow => {
      const tokens = phase === 'run' ? emitted(second) : 0;
      const bucket = { second, emitted: tokens, cycles: tokens, drafted: 2 * tokens, accepted: tokens };
      return thermalRow({ ...shared, phase }, bucket, { ...noReading, ...reading(second) });
    };
    return [
      ...Array.from({ length: coolDown }, (_, second) => row('cool-down', second)),
      ...Array.from({ length: seconds }, (_, second) => row('run', second)),
    ];
  });
}

function near(found: number, expected: number): void {
  assert.ok(Math.abs(found - expected) < 1e-9, `${found} instead of ${expected}`);
}

test('drift from the first to the last minute, speeds by minute, and the ratio at either end', () => {
  const rows = rowsOf([
    { arm: 'ar', seconds: 180, emitted: () => 100 },
    { arm: 'mtp:3', seconds: 180, coolDown: 7, emitted: (second) => (second < 60 ? 200 : second < 120 ? 180 : 150) },
  ]);
  const { legs, ratios } = summariseThermal(rows, 0);
  for (const leg of legs) legSchema.parse(leg);
  const [ar, mtp] = legs;
  assert.equal([ar!.tok_s, ar!.drift.value, ar!.cool_down_s, ar!.window_s], [100, 1, 0, 60]);
  assert.equal(mtp!.minutes, [200, 180, 150]);
  assert.equal([mtp!.first_tok_s, mtp!.last_tok_s, mtp!.cool_down_s, mtp!.seconds], [200, 150, 7, 180]);
  near(mtp!.drift.value, 0.75);
  assert.is(mtp!.acceptance_rate, 0.5);
  const [over] = ratios;
  assert.equal([ratios.length, over!.arm, over!.over], [1, 'mtp-d3', 'ar']);
  near(over!.whole.value, 530 / 300);
  near(over!.first_window.value, 2);
  near(over!.last_window.value, 1.5);
});

test('a short leg compares its halves, and the interval covers what varies', () => {
  const [leg] = summariseThermal(
    rowsOf([{ arm: 'ar', seconds: 80, emitted: (second) => 100 + 10 * Math.sin(second) - (second < 40 ? 0 : 20) }]),
    1,
  ).legs;
  assert.is(leg!.window_s, 40);
  assert.ok(leg!.drift.low < leg!.drift.value && leg!.drift.value < leg!.drift.high);
  assert.ok(leg!.drift.high < 0.9 && leg!.drift.low > 0.7);
  assert.is(summariseThermal(rowsOf([{ arm: 'ar', seconds: 1, emitted: () => 5 }]), 0).legs[0]!.drift.value, 1);
});

test('sensors: first, highest and last, and what is missing is named', () => {
  const hot = { arm: 'ar', seconds: 3, emitted: () => 1 };
  const { legs, sensors, missing } = summariseThermal(
    rowsOf([
      {
        ...hot,
        reading: (second) => ({ temperatureC: [50, 90, 70][second]!, temperatures: { zone: 50, core: 90 } }),
      },
    ]),
    0,
  );
  assert.equal(legs[0]!.temperature_c, { first: 50, highest: 90, last: 70 });
  assert.is(legs[0]!.clock_mhz, null);
  assert.equal(sensors, ['core', 'zone']);
  assert.equal(missing, ['fan_rpm', 'clock_mhz', 'gpu_temperature_c', 'gpu_clock_mhz']);
  assert.is(summariseThermal(rowsOf([hot]), 0).missing.length, 5);
});

test('legs of one arm in two rounds count together', () => {
  const leg = (arm: string, tokens: number): LegShape => ({ arm, seconds: 20, emitted: () => tokens });
  const { ratios } = summariseThermal(
    rowsOf([leg('ar', 100), leg('mtp:2', 150), leg('mtp:2', 250), leg('ar', 100)]),
    0,
  );
  near(ratios[0]!.whole.value, 2);
});

test.run();
