import { MtplxError } from '../../runtime/errors.ts';
import type { AnyView } from './view.ts';

/** Every experiment by its name, for the commands that find it in a stored run. */
const views: Record<string, () => Promise<AnyView>> = {
  acceptance: async () => (await import('./acceptance.ts')).acceptanceView,
  bench: async () => (await import('./bench.ts')).benchView,
  compare: async () => (await import('./compare.ts')).compareView,
  sweep: async () => (await import('./sweep.ts')).sweepView,
  thermal: async () => (await import('./thermal.ts')).thermalView,
};

/** @throws MtplxError MTPLX_E_RUN_MISMATCH for an experiment of another version */
export async function viewOf(experiment: string): Promise<AnyView> {
  const load = Object.hasOwn(views, experiment) ? views[experiment] : undefined;
  if (load === undefined)
    throw new MtplxError('MTPLX_E_RUN_MISMATCH', { problem: `this version has no experiment "${experiment}"` });
  return load();
}
