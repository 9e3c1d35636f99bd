import type { Model } from '../../runtime/index.ts';
import type { Environment } from '../experiments/experiment.ts';
import type { Suite } from '../suites/suite.ts';
import { jobDecoding, measure, type MeasuredGeneration } from './measure.ts';
import type { Job } from './schedule.ts';

/** A suite with its prompts encoded for a loaded model. */
export interface GenerationSetup {
  suite: Suite;
  model: Model;
  /** Token ids of each prompt. */
  prompts: readonly Int32Array[];
  /** The run's clock. */
  now: Environment['now'];
}

/** Makes one generation of the suite. @throws the signal's reason after an abort */
export async function measureJob(
  { suite, model, prompts, now }: GenerationSetup,
  job: Job,
  signal: AbortSignal | undefined,
): Promise<MeasuredGeneration> {
  return measure(model, prompts[job.prompt]!, job, jobDecoding(suite, model, job, signal), now);
}

/** A short generation that nobody counts: caches, kernels and JIT are warm afterwards. */
export async function warmUp(
  { suite, model, prompts, now }: GenerationSetup,
  job: Pick<Job, 'arm' | 'acceptance' | 'seed'>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const decoding = { ...jobDecoding(suite, model, job, signal), maxTokens: suite.settings.warm_up_tokens };
  await measure(model, prompts[0]!, { ...job, run: 0, prompt: 0 }, decoding, now);
}
