import { type AcceptanceName, loadModel, type Model, MtplxError, version } from '../../runtime/index.ts';
import { describeMachine, type Machine } from '../machine.ts';
import { encodeRecord, RecordFile, recordFolder } from '../record.ts';
import { sourceState, type SourceState } from '../source.ts';
import { loadSuite, promptText, type Suite } from '../suites/suite.ts';
import type { Arm } from './arms.ts';
import type { BenchDocument } from './document.ts';
import { jobDecoding, measure, type MeasuredGeneration } from './measure.ts';
import { benchColumns } from './rows.ts';
import { type Job, schedule } from './schedule.ts';
import { summarise } from './summary.ts';

export interface BenchOptions {
  suite: string;
  /** Model folder. */
  model: string;
  arms: readonly Arm[];
  runs: number;
  seed: number;
  /** Default: the suite's. */
  acceptance?: AcceptanceName | undefined;
  threads?: number | undefined;
  backend?: string | undefined;
  /** Where the record goes. Default ./mtplx-runs. */
  folder?: string | undefined;
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: BenchProgress) => void) | undefined;
}

/** Called between generations, never during one. */
export interface BenchProgress {
  done: number;
  total: number;
  /** What runs next. */
  text: string;
}

/**
 * Measures the arms on a suite: load, warm-up, generations that take turns, record, document. An abort or an error
 * leaves no record.
 * @throws MtplxError MTPLX_E_SUITE_UNKNOWN, MTPLX_E_NO_MTP, MTPLX_E_PROMPT_TOO_LONG, MTPLX_E_UNWRITABLE,
 *   MTPLX_E_DISK_FULL, MTPLX_E_ABORTED, and everything that loadModel throws
 */
export async function runBench(options: BenchOptions): Promise<BenchDocument> {
  const suite = await loadSuite(options.suite);
  const started = new Date();
  const stamp = started.toISOString().replace(/[:.]/g, '-');
  const record = await RecordFile.create(options.folder ?? recordFolder, `${stamp}-${suite.name}`);
  try {
    const model = await loadModel(options.model, engineOptions(options));
    try {
      const [machine, source] = await Promise.all([describeMachine(), sourceState()]);
      const acceptance = options.acceptance ?? suite.settings.acceptance;
      const generations = await measureAll(suite, model, acceptance, options);
      const document: BenchDocument = {
        ...description(suite, model, machine, source, started),
        runs: options.runs,
        seed: options.seed,
        acceptance,
        arrow_file: record.path,
        ...summarise(generations, options.arms, acceptance),
      };
      await record.write(encodeRecord(benchColumns(generations, suite), recordMetadata(document)));
      return document;
    } finally {
      await model.dispose();
    }
  } finally {
    await record.discard();
  }
}

async function measureAll(
  suite: Suite,
  model: Model,
  acceptance: AcceptanceName,
  { arms, runs, seed, signal, onProgress }: BenchOptions,
): Promise<MeasuredGeneration[]> {
  if (arms.some(({ depth }) => depth > 0) && !model.folder.spec.mtp)
    throw new MtplxError('MTPLX_E_NO_MTP', { folder: model.folder.folder });
  const prompts = await encodePrompts(suite, model);
  const jobs = schedule({ prompts: prompts.length, arms, runs, seed, acceptance });
  const total = jobs.length + arms.length;
  const origin = performance.now();
  const generate = async (job: Job, done: number, maxTokens: number): Promise<MeasuredGeneration> => {
    onProgress?.({ done, total, text: progressText(job, done, arms.length, suite) });
    const decoding = { ...jobDecoding(suite, model, job, signal), maxTokens };
    return measure(model, prompts[job.prompt]!, job, decoding, origin);
  };
  for (const [i, arm] of arms.entries())
    await generate({ run: 0, prompt: 0, arm, acceptance, seed }, i, suite.settings.warm_up_tokens);
  const generations: MeasuredGeneration[] = [];
  for (const [i, job] of jobs.entries())
    generations.push(await generate(job, arms.length + i, suite.settings.max_tokens));
  return generations;
}

/** Token ids of the suite's prompts. @throws MtplxError MTPLX_E_PROMPT_TOO_LONG */
async function encodePrompts(suite: Suite, model: Model): Promise<Int32Array[]> {
  const { max_tokens, chat_template } = suite.settings;
  const limit = model.folder.config.maxPositions ?? Infinity;
  return Promise.all(
    suite.prompts.map(async (prompt) => {
      const text = promptText(prompt);
      const tokens = await model.encode(chat_template ? [{ role: 'user', content: text }] : text);
      if (tokens.length + max_tokens > limit)
        throw new MtplxError('MTPLX_E_PROMPT_TOO_LONG', { tokens: tokens.length, limit: limit - max_tokens });
      return tokens;
    }),
  );
}

function progressText({ prompt, run, arm, acceptance }: Job, done: number, warmUps: number, suite: Suite): string {
  const what = done < warmUps ? 'warm-up' : `run ${run + 1}, ${suite.prompts[prompt]!.id}`;
  return `${what}, ${arm.name}${acceptance === suite.settings.acceptance ? '' : ` (${acceptance})`}`;
}

function engineOptions({ threads, backend }: BenchOptions): { threads?: number; backend?: string } {
  return { ...(threads === undefined ? {} : { threads }), ...(backend === undefined ? {} : { backend }) };
}

function description(suite: Suite, model: Model, machine: Machine, source: SourceState, started: Date) {
  const { backend, mlx, isa, threads, compiler } = model.build;
  const { name, hash, spec } = model.folder;
  return {
    suite: suite.name,
    spec_version: suite.spec_version,
    suite_sha256: suite.sha256,
    prompts: suite.prompts.length,
    max_tokens: suite.settings.max_tokens,
    sampler: suite.settings.sampler,
    draft_sampler: suite.settings.draft_sampler,
    mtplx: version,
    ...source,
    started: started.toISOString(),
    machine,
    backend,
    engine: { mlx, isa, threads, compiler },
    model: { name, hash, family: spec.family, weight_bytes: model.engine.info.weightBytes },
    // Kibibytes, on every platform.
    peak_rss_bytes: process.resourceUsage().maxRSS * 1024,
  };
}

/** What a reader needs without opening the rows; `result` is the whole document. */
function recordMetadata(document: BenchDocument): Record<string, string> {
  return {
    experiment: 'bench',
    suite: document.suite,
    suite_sha256: document.suite_sha256,
    spec_version: String(document.spec_version),
    commit: document.commit ?? '',
    dirty: String(document.dirty ?? ''),
    machine: JSON.stringify(document.machine),
    backend: document.backend,
    model: document.model.name,
    model_hash: document.model.hash,
    result: JSON.stringify(document),
  };
}
