import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fakeGeneration } from '../bench/testing/generations.ts';
import { bucketsOf } from './buckets.ts';
import { coolDown } from './cool-down.ts';
import { type Clock, Sampler } from './sampler.ts';
import { noReading, type Reading, type Sensors } from './sensors/sensors.ts';

const test = suite('sustained runs');

function sensorsOf(read: () => Partial<Reading>): Sensors {
  return { read: async () => ({ ...noReading, ...read() }), close: () => undefined };
}

test('tokens fall into the second in which they came', () => {
  const first = fakeGeneration({
    depth: 3,
    ttft: 900,
    cycles: [
      { accepted: 2, wall: 50 },
      { accepted: 0, wall: 100 },
      { accepted: 3, wall: 1000 },
    ],
  });
  const generations = [first, { ...fakeGeneration({ depth: 0, ttft: 10, cycles: [] }), beginMs: 7500 - 10 }];
  assert.equal(
    bucketsOf(
      generations.map((generation) => ({ ...generation, beginMs: generation.beginMs + 5000 })),
      5000,
      8,
    ).map(({ second, emitted, cycles, drafted, accepted }) => [second, emitted, cycles, drafted, accepted]),
    [
      [0, 4, 1, 3, 2],
      [1, 1, 1, 3, 0],
      [2, 4, 1, 3, 3],
      [3, 0, 0, 0, 0],
      [4, 0, 0, 0, 0],
      [5, 0, 0, 0, 0],
      [6, 0, 0, 0, 0],
      [7, 1, 0, 0, 0],
    ],
  );
});

test('every token inside the whole seconds is counted once', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 700 }), { maxLength: 50 }), fc.nat(20), (walls, seconds) => {
      const generation = fakeGeneration({ depth: 0, ttft: 3, cycles: walls.map((wall) => ({ accepted: 0, wall })) });
      const inside = generation.steps.filter(({ atMs }) => atMs < seconds * 1000).length;
      const emitted = bucketsOf([generation], 0, seconds).reduce((sum, bucket) => sum + bucket.emitted, 0);
      assert.is(emitted, inside);
    }),
  );
});

test('the sampler reads at once and every second, also when a sensor fails or a timer is early or late', async () => {
  let reads = 0;
  const sensors = sensorsOf(() => {
    if (++reads === 2) throw new Error('unplugged');
    return { temperatureC: 40 + reads };
  });
  let time = 500;
  const errors = [-0.4, 0.3, 1200];
  const clock: Clock = {
    now: () => time,
    wait: async (ms, signal) => {
      const error = errors.shift();
      if (error === undefined) return new Promise((resolve) => signal.addEventListener('abort', resolve));
      time += ms + error;
    },
  };
  const sampler = new Sampler(sensors, clock);
  while (errors.length > 0) await sleep(1);
  await sleep(1);
  const at = await sampler.stop();
  assert.equal(
    [0, 1, 2, 3, 4, 5].map((second) => at(second).temperatureC),
    [41, null, 43, null, 44, null],
  );
});

test('a cool-down ends at the temperature of the start', async () => {
  const degrees = [80, 70, 53, 51.5, 50];
  const sensors = sensorsOf(() => ({ temperatureC: degrees.shift()! }));
  const readings = await coolDown(sensors, { startC: 50, seconds: 60, signal: undefined, secondMs: 1 });
  assert.equal(
    readings.map(({ temperatureC }) => temperatureC),
    [80, 70, 53],
  );
});

test('a cool-down takes its time without a sensor, and at most its time with one that stays hot', async () => {
  for (const temperatureC of [null, 90]) {
    const options = { startC: temperatureC === null ? null : 50, seconds: 5, signal: undefined, secondMs: 1 };
    assert.is(
      (
        await coolDown(
          sensorsOf(() => ({ temperatureC })),
          options,
        )
      ).length,
      5,
    );
  }
});

test('an abort ends a cool-down', async () => {
  const abort = new AbortController();
  setTimeout(() => abort.abort(new Error('stopped by the test')), 50);
  const waiting = coolDown(
    sensorsOf(() => ({})),
    { startC: null, seconds: 60, signal: abort.signal },
  );
  const error = await waiting.then(
    () => null,
    (caught: unknown) => caught as Error,
  );
  assert.is(error?.message, 'stopped by the test');
});

test.run();
