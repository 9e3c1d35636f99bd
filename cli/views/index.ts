import { MtplxError } from '../../runtime/errors.ts';
import type { AnyView } from './view.ts';

/** Every experiment by its name, for the commands that find it in a stored run. */
const views: Record<string, () => Promise<AnyView>> = {
  acceptance: async () => (await import('./acceptance.ts')).acceptanceView,
  auto: async () => (await import('./auto.ts')).autoView,
  bench: async () => (await import('./bench.ts')).benchView,
  breakdown: async () => (await import('./breakdown.ts')).breakdownView,
  compare: async () => (await import('./compare.ts')).compareView,
  kernels: async () => (await import('./kernels.ts')).kernelsView,
  sweep: async () => (await import('./sweep.ts')).sweepView,
  thermal: async () => (await import('./thermal.ts')).thermalView,
  tune: async () => (await import('./tune.ts')).tuneView,
  verify: async () => (await import('./verify.ts')).verifyView,
};

/** @throws MtplxError MTPLX_E_RUN_MISMATCH for an experiment that this version does not know */
export async function viewOf(experiment: string): Promise<AnyView> {
  const view = await knownView(experiment);
  if (view === null)
    throw new MtplxError('MTPLX_E_RUN_MISMATCH', { problem: `this version has no experiment "${experiment}"` });
  return view;
}

/** null for an experiment that this version does not know. */
export async function knownView(experiment: string): Promise<AnyView | null> {
  return Object.hasOwn(views, experiment) ? views[experiment]!() : null;
}
