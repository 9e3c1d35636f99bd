import type { Columns, RowOf } from '../experiments/columns.ts';
import type { MeasuredGeneration, MeasuredStep } from './measure.ts';
import type { Job } from './schedule.ts';

/** One row a step of a generation. Cells of the cycle are null in the row of the prefill's token. */
export const generationColumns = {
  acceptance: 'text',
  run: 'int',
  prompt: 'text',
  prompt_tokens: 'int',
  arm: 'text',
  depth: 'int',
  seed: 'long',
  /** Start of the generation, milliseconds from the start of the run. */
  begin_ms: 'float',
  /** 0: the token of the prefill, then the cycles from 1. */
  step: 'int',
  /** Milliseconds from the start of the generation until the tokens were there. */
  at_ms: 'float',
  tokens: 'ints',
  /** See harness/experiments/logit-hash.ts. */
  logit_hash: 'text',
  kind: 'text',
  drafted: 'int?',
  /** Drafts that the rule accepted, those that an end cut off included. */
  accepted: 'int?',
  /** Tokens that an end cut off, drafts included. */
  truncated: 'int?',
  commit_ns: 'float?',
  draft_ns: 'float?',
  verify_ns: 'float?',
  candidates_ns: 'float?',
  engine_ns: 'float?',
  wall_ns: 'float?',
} as const satisfies Columns;

export type GenerationRow = RowOf<typeof generationColumns>;

/** The steps of a generation as rows. `prompts` are the suite's ids. */
export function generationRows(generation: MeasuredGeneration, prompts: readonly string[]): GenerationRow[] {
  const { job, promptTokens, beginMs, steps } = generation;
  return steps.map(({ tokens, cycle, atMs, logitHash }, step) => ({
    acceptance: job.acceptance,
    run: job.run,
    prompt: prompts[job.prompt]!,
    prompt_tokens: promptTokens,
    arm: job.arm.name,
    depth: job.arm.depth,
    seed: job.seed,
    begin_ms: beginMs,
    step,
    at_ms: atMs,
    tokens,
    logit_hash: logitHash,
    kind: cycle?.kind ?? 'first',
    drafted: cycle?.drafted ?? null,
    accepted: cycle?.accepted ?? null,
    truncated: cycle?.truncated ?? null,
    commit_ns: cycle?.times.commit ?? null,
    draft_ns: cycle?.times.draft ?? null,
    verify_ns: cycle?.times.verify ?? null,
    candidates_ns: cycle?.times.candidates ?? null,
    engine_ns: cycle?.times.total ?? null,
    wall_ns: cycle?.wall ?? null,
  }));
}

/** The generations that rows tell of: the inverse of generationRows. Each begins with its step 0. */
export function generationsOf(rows: readonly GenerationRow[], prompts: readonly string[]): MeasuredGeneration[] {
  const indices = new Map(prompts.map((id, i) => [id, i]));
  const generations: MeasuredGeneration[] = [];
  for (const row of rows) {
    if (row.step === 0)
      generations.push({
        job: jobOf(row, indices.get(row.prompt)!),
        promptTokens: row.prompt_tokens,
        beginMs: row.begin_ms,
        steps: [],
      });
    generations.at(-1)!.steps.push(stepOf(row));
  }
  return generations;
}

function jobOf({ run, arm, depth, acceptance, seed }: GenerationRow, prompt: number): Job {
  return { run, prompt, arm: { name: arm, depth }, acceptance: acceptance as Job['acceptance'], seed };
}

function stepOf(row: GenerationRow): MeasuredStep {
  const { tokens, at_ms: atMs, logit_hash: logitHash, kind } = row;
  if (kind === 'first') return { tokens, cycle: null, atMs, logitHash };
  const times = {
    commit: row.commit_ns!,
    draft: row.draft_ns!,
    verify: row.verify_ns!,
    candidates: row.candidates_ns!,
    total: row.engine_ns!,
  };
  const cycle = {
    drafted: row.drafted!,
    accepted: row.accepted!,
    kind: kind as 'correction' | 'bonus',
    truncated: row.truncated!,
    times,
    wall: row.wall_ns!,
  };
  return { tokens, cycle, atMs, logitHash };
}
