import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { describeMachine, machineSchema } from './machine.ts';

const test = suite('machine');

test('names the machine, in the form of its schema', async () => {
  const machine = machineSchema.parse(await describeMachine());
  assert.ok(machine.cpu.length > 0);
  assert.ok(machine.usable_cores <= machine.cores);
  assert.ok(machine.memory_bytes > 2 ** 28);
  assert.is(machine.node, process.version);
});

test.run();
