import type { DepthStart } from '../decoding/depth/controller.ts';
import { MtplxError } from '../errors.ts';
import { findTuning, profileFile, readProfile, type TuningKey } from './profile.ts';

/** Where automatic depth begins, and who said so. */
export interface ChosenStart extends DepthStart {
  /** `tuned`: measured on this machine; `contract`: the model's own; `default`: nobody knows yet. */
  source: 'tuned' | 'contract' | 'default';
  /** Why a profile that is there was not used, in words. */
  problem: string | null;
}

const defaultDepth = 3;

/**
 * The user's tuning for this key, else the depth that the model's contract recommends, else a usual one. A profile that
 * cannot be read stops nobody from decoding: it is reported in `problem`.
 */
export async function chooseDepthStart(
  key: TuningKey,
  contractDepth: number | null,
  file: string = profileFile(),
): Promise<ChosenStart> {
  let problem: string | null = null;
  const profile = await readProfile(file).catch((error: unknown) => {
    if (!(error instanceof MtplxError)) throw error;
    problem = error.message;
    return null;
  });
  const tuning = profile && findTuning(profile, key);
  if (tuning) {
    const { depth, cycle_ms: cycleMs, acceptance } = tuning;
    return { source: 'tuned', depth, cycleMs, acceptance, problem };
  }
  const unmeasured = { cycleMs: null, acceptance: null, problem };
  return contractDepth === null
    ? { source: 'default', depth: defaultDepth, ...unmeasured }
    : { source: 'contract', depth: contractDepth, ...unmeasured };
}
