import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { observe } from './controller.ts';
import { DepthController } from './policy.ts';

const test = suite('depth policy');
const tuned = { depth: 3, cycleMs: [10, 12, 14, 16, 18, 20], acceptance: [0.8, 0.8, 0.8, 0.8, 0.8] };
const wallOf = (depth: number): number => 1e6 * tuned.cycleMs[depth]!;

/** Cycles in which nothing is accepted until decoding is plain. */
function untilPlain(controller: DepthController): ReturnType<DepthController['begin']> {
  const policy = controller.begin(512);
  for (let i = 0; i < 200 && policy.depth > 0; i++)
    policy.observe({ drafted: policy.depth, accepted: 0, wall: wallOf(policy.depth) });
  return policy;
}

test('what one generation shows, the next begins with', () => {
  const controller = new DepthController(tuned);
  assert.is(controller.begin(512).depth, 3);
  untilPlain(controller);
  assert.is(controller.begin(512).depth, 0);
});

test('a change is told with its cycle, both depths, the reason and what was expected', () => {
  const { changes } = untilPlain(new DepthController(tuned));
  const last = changes.at(-1)!;
  assert.equal([last.to, last.reason], [0, 'faster']);
  assert.ok(last.expected[1] > last.expected[0]);
  assert.ok(changes.every(({ cycle }, i) => cycle > (changes[i - 1]?.cycle ?? 1)));
  assert.is(changes[0]!.from, 3);
});

test('a short generation that will not draft keeps no state for drafts, and stays plain to its end', () => {
  const controller = new DepthController(tuned);
  untilPlain(controller);
  assert.is(controller.begin(1000).drafts, true);
  const policy = controller.begin(20);
  assert.is(policy.drafts, false);
  for (let i = 0; i < 100; i++) {
    assert.is(policy.depth, 0);
    policy.observe({ drafted: 0, accepted: 0, wall: wallOf(0) });
  }
  assert.equal(policy.changes, []);
  assert.is(controller.begin(20).drafts, true, 'the probe is due now');
});

test('times that hold other work are not taken for the cost of a depth', () => {
  const controller = new DepthController(tuned);
  const before = controller.state.cost.log.mean;
  const policy = controller.begin(512);
  policy.observe({ drafted: 3, accepted: 2, wall: 100 * wallOf(3) });
  assert.equal(controller.state.cost.log.mean, before, 'the first cycle of a generation');
  policy.observe({ drafted: 0, accepted: 0, wall: wallOf(0) });
  const { mean } = controller.state.cost.log;
  policy.observe({ drafted: 2, accepted: 2, wall: 100 * wallOf(2) });
  assert.equal(controller.state.cost.log.mean, mean, 'the first with drafts after a plain one');
  policy.observe({ drafted: 2, accepted: 2, wall: 2 * wallOf(2) });
  assert.ok(controller.state.cost.log.mean[2]! > mean[2]!);
});

test('plain cycles that were taken together teach what they teach one by one, and a probe is never late', () => {
  const controller = new DepthController(tuned);
  const policy = untilPlain(controller);
  let { state } = controller;
  for (let i = 0; i < 300; i++) {
    const wall = wallOf(policy.depth) * (1 - (i % 7) / 100);
    const drafted = policy.depth;
    assert.is(drafted, state.depth);
    const catchesUp = drafted > 0 && state.probe?.cycles === 0;
    policy.observe({ drafted, accepted: 0, wall });
    state = observe(state, { drafted, accepted: 0, wall, catchesUp });
    if (i % 45 === 0) assert.equal(controller.state, state);
  }
  assert.equal(controller.state, state);
});

test.run();
