import { type CycleRecord, decode, type DecodingOptions } from '../../runtime/decoding/cycle.ts';
import type { Model } from '../../runtime/index.ts';
import { MtplxError } from '../../runtime/errors.ts';
import { LogitHashes } from '../experiments/logit-hash.ts';
import type { Suite, SuiteFilter } from '../suites/suite.ts';
import type { Job } from './schedule.ts';

/** One step of a measured generation: the prefill's token (`cycle` is null), or a cycle. */
export interface MeasuredStep {
  tokens: number[];
  cycle: CycleRecord | null;
  /** Milliseconds from the start of the prefill until these tokens were there. */
  atMs: number;
  /** Of the native call that these tokens came from. */
  logitHash: string;
}

export interface MeasuredGeneration {
  job: Job;
  promptTokens: number;
  /** Milliseconds from the start of the run. */
  beginMs: number;
  steps: MeasuredStep[];
}

/**
 * Makes one generation from an empty sequence. Text is left out: tokenizing and detokenizing cost every arm the same.
 * Plain decoding keeps no state for the MTP head, as it would without one.
 * @param now the run's clock, milliseconds
 * @throws the signal's reason after an abort
 */
export async function measure(
  model: Pick<Model, 'engine'>,
  prompt: Int32Array,
  job: Job,
  options: DecodingOptions,
  now: () => number,
): Promise<MeasuredGeneration> {
  const steps: Omit<MeasuredStep, 'logitHash'>[] = [];
  const hashes = new LogitHashes();
  const beginMs = now();
  const begin = performance.now();
  const sequence = await model.engine.createSequence({ mtp: options.depthPolicy?.drafts ?? job.arm.depth > 0 });
  try {
    for await (const { tokens, cycle, finish } of decode(sequence, prompt, 0, {
      ...options,
      onResult: hashes.observe,
    })) {
      if (finish === 'abort')
        throw options.signal?.reason ?? new MtplxError('MTPLX_E_ABORTED', { reason: 'the caller asked for it' });
      steps.push({ tokens, cycle, atMs: performance.now() - begin });
    }
  } finally {
    await sequence.dispose();
  }
  const logitHashes = hashes.take(steps.length);
  const hashed = steps.map((step, i) => ({ ...step, logitHash: logitHashes[i]! }));
  return { job, promptTokens: prompt.length, beginMs, steps: hashed };
}

/** How a suite decodes one job. */
export function jobDecoding(
  { settings }: Pick<Suite, 'settings'>,
  { folder }: Pick<Model, 'folder'>,
  { arm, acceptance, seed }: Pick<Job, 'arm' | 'acceptance' | 'seed'>,
  signal?: AbortSignal,
): DecodingOptions {
  return {
    sampler: engineFilter(settings.sampler),
    draftSampler: engineFilter(settings.draft_sampler),
    acceptance,
    key: { seed: BigInt(seed), choice: 0 },
    depth: arm.depth,
    maxTokens: settings.max_tokens,
    stopIds: new Set(settings.ignore_stop_tokens ? [] : folder.stopIds),
    vocabSize: folder.spec.vocabSize,
    signal,
  };
}

function engineFilter({ temperature, top_p, top_k }: SuiteFilter): DecodingOptions['sampler'] {
  return { temperature, topP: top_p, topK: top_k };
}
