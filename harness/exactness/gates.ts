import { commit } from './commit.ts';
import type { Gate } from './gate.ts';
import { instructionSets, threads } from './machine.ts';
import { prefill } from './prefill.ts';
import { ragged } from './ragged.ts';
import { restore } from './restore.ts';
import { verifyVsAr } from './verify-vs-ar.ts';

/** Gates that compare bits, in the order in which they run. */
export const bitGates: Gate[] = [verifyVsAr, commit, prefill, restore, ragged, threads, instructionSets];
