import { z } from 'zod';
import { MtplxError } from '../../runtime/errors.ts';
import { loadSuite, type Suite, suiteSchema } from '../suites/suite.ts';

/** A suite as a spec names it: enough to make the units and to read the rows without its file. */
export const suiteChoice = z.strictObject({
  name: z.string(),
  spec_version: z.int().min(1),
  sha256: z.string().length(64),
  settings: suiteSchema.shape.settings,
  /** Ids of the prompts. */
  prompts: z.array(z.string()).min(1),
});

export type SuiteChoice = z.infer<typeof suiteChoice>;

/** @param temperature of the target, instead of the suite's */
export function chooseSuite(suite: Suite, temperature = suite.settings.sampler.temperature): SuiteChoice {
  const { name, spec_version, sha256, prompts } = suite;
  const settings = { ...suite.settings, sampler: { ...suite.settings.sampler, temperature } };
  return { name, spec_version, sha256, settings, prompts: prompts.map(({ id }) => id) };
}

/** The suite of a spec, with the spec's settings. @throws MtplxError MTPLX_E_SUITE_UNKNOWN; MTPLX_E_RUN_MISMATCH when it has changed since */
export async function openSuite({ name, sha256, settings }: SuiteChoice): Promise<Suite> {
  const suite = await loadSuite(name);
  if (suite.sha256 !== sha256)
    throw new MtplxError('MTPLX_E_RUN_MISMATCH', { problem: `the suite ${name} has changed since` });
  return { ...suite, settings };
}
