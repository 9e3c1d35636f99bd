import { commit } from './commit.ts';
import type { Gate } from './gate.ts';
import { prefill } from './prefill.ts';
import { ragged } from './ragged.ts';
import { restore } from './restore.ts';
import { threads } from './threads.ts';
import { verifyVsAr } from './verify-vs-ar.ts';

/** Gates that compare bits, in the order in which they run. */
export const bitGates: Gate[] = [verifyVsAr, commit, prefill, restore, ragged, threads];

/** Deliberate bugs of the faulty build (native/src/faults.h) and the gate that must catch each. */
export const faults: { fault: string; gate: string }[] = [
  { fault: 'other-kernel', gate: 'verify-vs-ar' },
  { fault: 'rollback-short', gate: 'commit' },
  { fault: 'rollback-long', gate: 'commit' },
  { fault: 'conv-short', gate: 'commit' },
  { fault: 'kv-row', gate: 'commit' },
  { fault: 'chunk-seam', gate: 'prefill' },
  { fault: 'restore-conv', gate: 'restore' },
  { fault: 'wrong-neighbour', gate: 'ragged' },
  { fault: 'thread-sum', gate: 'threads' },
];
