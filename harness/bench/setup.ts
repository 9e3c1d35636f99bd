import { z } from 'zod';
import { type AcceptanceName, MtplxError } from '../../runtime/index.ts';
import type { Environment } from '../experiments/experiment.ts';
import { chooseModel, modelChoice, openModel } from '../experiments/model.ts';
import { loadSuite } from '../suites/suite.ts';
import type { Arm } from './arms.ts';
import { type GenerationSetup, warmUp } from './generations.ts';
import { encodePrompts } from './prompts.ts';
import { chooseSuite, openSuite, suiteChoice } from './suite-choice.ts';

/** What the specs of all experiments that decode a suite's prompts have in common. */
export const suiteSpecSchema = z.strictObject({
  suite: suiteChoice,
  model: modelChoice,
  seed: z.int().min(0),
  acceptance: z.enum(['leviathan', 'coupled']),
  /** null: the physical cores. */
  threads: z.int().min(1).nullable(),
  backend: z.string(),
});

export type SuiteSpec = z.infer<typeof suiteSpecSchema>;

export interface SuiteOptions {
  suite: string;
  /** Model folder. */
  model: string;
  seed: number;
  /** Of the target. Default: the suite's. */
  temperature?: number | undefined;
  /** Default: the suite's. */
  acceptance?: AcceptanceName | undefined;
  threads?: number | undefined;
  backend?: string | undefined;
}

/** @throws MtplxError MTPLX_E_SUITE_UNKNOWN, and what a model folder throws */
export async function suiteSpec(options: SuiteOptions): Promise<SuiteSpec> {
  const suite = await loadSuite(options.suite);
  return {
    suite: chooseSuite(suite, options.temperature),
    model: await chooseModel(options.model),
    seed: options.seed,
    acceptance: options.acceptance ?? suite.settings.acceptance,
    threads: options.threads ?? null,
    backend: options.backend ?? 'cpu',
  };
}

/**
 * Loads the model of a spec, encodes the suite's prompts and warms every arm up. Dispose of the model at the end.
 * @throws MtplxError MTPLX_E_NO_MTP, MTPLX_E_PROMPT_TOO_LONG, and everything that loadModel throws
 */
export async function openSetup(
  spec: SuiteSpec,
  arms: readonly Arm[],
  environment: Environment,
): Promise<GenerationSetup> {
  const suite = await openSuite(spec.suite);
  const threads = spec.threads ?? undefined;
  const model = await openModel(spec.model, environment, { threads, backend: spec.backend });
  try {
    if (arms.some(({ depth }) => depth > 0) && !model.folder.spec.mtp)
      throw new MtplxError('MTPLX_E_NO_MTP', { folder: model.folder.folder });
    const setup = { suite, model, prompts: await encodePrompts(suite, model), now: environment.now };
    for (const arm of arms) {
      environment.report(`warm-up, ${arm.name}`);
      await warmUp(setup, { arm, acceptance: spec.acceptance, seed: spec.seed }, environment.signal);
    }
    return setup;
  } catch (error) {
    await model.dispose();
    throw error;
  }
}
