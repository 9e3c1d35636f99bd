import type { AcceptanceName } from '../../../runtime/index.ts';
import type { CycleRecord } from '../../../runtime/decoding/cycle.ts';
import { armsOf } from '../arms.ts';
import type { MeasuredGeneration } from '../measure.ts';

/** Measured generations with known numbers, for tests. */

export interface FakeCycle {
  accepted: number;
  kind?: CycleRecord['kind'];
  truncated?: number;
  /** Whole cycle and its verify phase, milliseconds. */
  wall: number;
  verify?: number;
}

export interface FakeGeneration {
  depth: number;
  cycles: FakeCycle[];
  prompt?: number;
  run?: number;
  acceptance?: AcceptanceName;
  ttft?: number;
  /** Tokens count up from here. */
  firstToken?: number;
}

export function fakeGeneration({
  depth,
  cycles,
  prompt = 0,
  run = 0,
  acceptance = 'leviathan',
  ttft = 10,
  firstToken = 0,
}: FakeGeneration): MeasuredGeneration {
  const arm = armsOf([depth]).find((known) => known.depth === depth)!;
  const steps: MeasuredGeneration['steps'] = [{ tokens: [firstToken], cycle: null, atMs: ttft, logitHash: hashOf(0) }];
  let [atMs, next] = [ttft, firstToken + 1];
  for (const { accepted, truncated = 0, wall, verify = wall / 2, kind } of cycles) {
    atMs += wall;
    const emitted = accepted + 1 - truncated;
    const tokens = Array.from({ length: emitted }, () => next++);
    const times = { commit: 1e5, draft: 2e5 * depth, verify: verify * 1e6, candidates: 0, total: wall * 1e6 - 5e4 };
    const cycle: CycleRecord = {
      drafted: depth,
      accepted,
      kind: kind ?? (accepted === depth ? 'bonus' : 'correction'),
      truncated,
      times,
      wall: wall * 1e6,
    };
    steps.push({ tokens, cycle, atMs, logitHash: hashOf(steps.length) });
  }
  return { job: { run, prompt, arm, acceptance, seed: 1000 * run + prompt }, promptTokens: 5, beginMs: 0, steps };
}

function hashOf(step: number): string {
  return step.toString(16).padStart(16, '0');
}
