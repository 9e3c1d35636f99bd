import { type DataType, Dictionary, Field, Float64, Int32, Int64, List, Utf8 } from 'apache-arrow';
import type { RecordColumn } from '../record.ts';
import type { Suite } from '../suites/suite.ts';
import type { MeasuredGeneration, MeasuredStep } from './measure.ts';

interface Row {
  generation: MeasuredGeneration;
  step: MeasuredStep;
  index: number;
  promptId: string;
}

const word = (): DataType => new Dictionary(new Utf8(), new Int32());
const int = new Int32();
const float = new Float64();

// Cells of the cycle are null in the row of the prefill's token.
const columns: Record<string, { type: () => DataType; cell: (row: Row) => unknown }> = {
  acceptance: { type: word, cell: ({ generation: { job } }) => job.acceptance },
  run: { type: () => int, cell: ({ generation: { job } }) => job.run },
  prompt: { type: word, cell: ({ promptId }) => promptId },
  prompt_tokens: { type: () => int, cell: ({ generation }) => generation.promptTokens },
  arm: { type: word, cell: ({ generation: { job } }) => job.arm.name },
  depth: { type: () => int, cell: ({ generation: { job } }) => job.arm.depth },
  seed: { type: () => new Int64(), cell: ({ generation: { job } }) => BigInt(job.seed) },
  /** Start of the generation, milliseconds from the start of the measurement. */
  begin_ms: { type: () => float, cell: ({ generation }) => generation.beginMs },
  /** 0: the token of the prefill, then the cycles from 1. */
  step: { type: () => int, cell: ({ index }) => index },
  /** Milliseconds from the start of the generation until the tokens were there. */
  at_ms: { type: () => float, cell: ({ step }) => step.atMs },
  tokens: { type: () => new List(new Field('token', int, false)), cell: ({ step }) => step.tokens },
  kind: { type: word, cell: ({ step }) => step.cycle?.kind ?? 'first' },
  drafted: { type: () => int, cell: ({ step }) => step.cycle?.drafted ?? null },
  /** Drafts that the rule accepted, those that an end cut off included. */
  accepted: { type: () => int, cell: ({ step }) => step.cycle?.accepted ?? null },
  /** Tokens that an end cut off, drafts included. */
  truncated: { type: () => int, cell: ({ step }) => step.cycle?.truncated ?? null },
  commit_ns: { type: () => float, cell: ({ step }) => step.cycle?.times.commit ?? null },
  draft_ns: { type: () => float, cell: ({ step }) => step.cycle?.times.draft ?? null },
  verify_ns: { type: () => float, cell: ({ step }) => step.cycle?.times.verify ?? null },
  candidates_ns: { type: () => float, cell: ({ step }) => step.cycle?.times.candidates ?? null },
  engine_ns: { type: () => float, cell: ({ step }) => step.cycle?.times.total ?? null },
  wall_ns: { type: () => float, cell: ({ step }) => step.cycle?.wall ?? null },
};

/** The record of a benchmark: one row a step of every generation, in the order in which they ran. */
export function benchColumns(
  generations: readonly MeasuredGeneration[],
  { prompts }: Pick<Suite, 'prompts'>,
): Record<string, RecordColumn> {
  const rows = generations.flatMap((generation) =>
    generation.steps.map((step, index): Row => {
      return { generation, step, index, promptId: prompts[generation.job.prompt]!.id };
    }),
  );
  return Object.fromEntries(
    Object.entries(columns).map(([name, { type, cell }]) => [name, { type: type(), values: rows.map(cell) }]),
  );
}
