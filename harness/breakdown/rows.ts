import type { Columns, RowOf } from '../experiments/columns.ts';

/** Rows of three kinds; each leaves null or empty what it lacks. */
export const breakdownColumns = {
  /** `read`: a pass over the weights' bytes. `engine`: a cycle of the engine. `decision`: one of the loop around it. */
  kind: 'text',
  threads: 'int',
  depth: 'int?',
  /** From 0 among the rows of its kind in a unit. */
  index: 'int',
  bytes_per_s: 'float?',
  /** Weights that a plain step and a draft read; see bound.ts. */
  step_bytes: 'float?',
  draft_bytes: 'float?',
  /** History before the warm-up. */
  prompt_tokens: 'int?',
  wall_ns: 'float?',
  engine_ns: 'float?',
  commit_ns: 'float?',
  draft_ns: 'float?',
  verify_ns: 'float?',
  candidates_ns: 'float?',
  /** Every kernel that the cycle called, its time and its calls. */
  kernels: 'texts',
  kernel_ns: 'floats',
  kernel_calls: 'ints',
  decision_ns: 'float?',
} as const satisfies Columns;

export type BreakdownRow = RowOf<typeof breakdownColumns>;

/** What rows of one unit share. */
type Place = Pick<BreakdownRow, 'threads' | 'depth'>;

/** A row with the cells that its kind has. */
export function breakdownRow(
  kind: 'read' | 'engine' | 'decision',
  { threads, depth }: Place,
  cells: Partial<BreakdownRow> & Pick<BreakdownRow, 'index'>,
): BreakdownRow {
  return {
    bytes_per_s: null,
    step_bytes: null,
    draft_bytes: null,
    prompt_tokens: null,
    wall_ns: null,
    engine_ns: null,
    commit_ns: null,
    draft_ns: null,
    verify_ns: null,
    candidates_ns: null,
    kernels: [],
    kernel_ns: [],
    kernel_calls: [],
    decision_ns: null,
    ...cells,
    kind,
    threads,
    depth,
  };
}
