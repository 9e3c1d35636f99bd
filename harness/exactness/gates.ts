import { commit } from './commit.ts';
import { distributionGate } from './distribution.ts';
import type { Gate } from './gate.ts';
import { head } from './head.ts';
import { identity } from './identity.ts';
import { instructionSets, threads } from './machine.ts';
import { prefill } from './prefill.ts';
import { reference } from './reference.ts';
import { restore } from './restore.ts';
import { samplerOracle } from './sampler-oracle.ts';
import { verifyVsAr } from './verify-vs-ar.ts';

/** All gates, in the order in which they run. */
export const gates: readonly Gate[] = [
  verifyVsAr,
  commit,
  prefill,
  restore,
  identity,
  distributionGate,
  samplerOracle,
  head,
  reference,
  threads,
  instructionSets,
];
