import { join } from 'node:path';
import { z } from 'zod';
import { MtplxError } from '../../runtime/errors.ts';
import type { Columns } from './columns.ts';
import type { RunDescription } from './description.ts';
import type { Experiment } from './experiment.ts';
import { runFiles } from './folder.ts';

/** The spec of a stored run. @throws MtplxError MTPLX_E_RUN_MISMATCH, MTPLX_E_RUN_BROKEN */
export function specOf<Spec, C extends Columns, Result>(
  experiment: Experiment<Spec, C, Result>,
  folder: string,
  description: RunDescription,
): Spec {
  mustBe('experiment', experiment.name, description.experiment);
  mustBe('spec version', experiment.specVersion, description.spec_version);
  const parsed = experiment.specSchema.safeParse(description.spec);
  if (parsed.success) return parsed.data;
  const file = join(folder, runFiles.description);
  throw new MtplxError('MTPLX_E_RUN_BROKEN', { file, problem: z.prettifyError(parsed.error) });
}

/**
 * Rows of one run come from the same sources, model and machine.
 * @throws MtplxError MTPLX_E_RUN_MISMATCH
 */
export function mustFit(before: RunDescription, now: RunDescription): void {
  mustBe('version', now.mtplx, before.mtplx);
  mustBe('numerics version', now.numerics_version, before.numerics_version);
  mustBe('commit', now.commit, before.commit);
  mustBe('state of the sources (dirty)', now.dirty, before.dirty);
  mustBe('model', now.model?.hash, before.model?.hash);
  mustBe('CPU', now.machine.cpu, before.machine.cpu);
  mustBe('instruction set', now.engine?.isa, before.engine?.isa);
  mustBe('number of threads', now.engine?.threads, before.engine?.threads);
}

type Fact = string | number | boolean | null | undefined;

function mustBe(what: string, here: Fact, there: Fact): void {
  if (here === there) return;
  throw new MtplxError('MTPLX_E_RUN_MISMATCH', {
    problem: `the ${what} is ${here ?? 'unknown'} here, ${there ?? 'unknown'} in the run`,
  });
}
