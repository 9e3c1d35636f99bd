import type { Columns, RowOf } from '../experiments/columns.ts';

/** One row a generation, ours or the server's. */
export const compareColumns = {
  run: 'int',
  prompt: 'text',
  /** An arm of ours, or `server`. */
  arm: 'text',
  /** null for the server. */
  depth: 'int?',
  seed: 'long',
  /** Start, milliseconds from the start of the run. */
  begin_ms: 'float',
  prompt_tokens: 'int?',
  new_tokens: 'int',
  /** `server`, `text`, or `engine` for ours. */
  counted: 'text',
  /** Of the server: completions or chat. */
  endpoint: 'text?',
  /** Milliseconds from the request to the first and to the last token. */
  first_ms: 'float',
  last_ms: 'float',
  /** Of the processes of this side so far; null for a server that we did not start. */
  peak_rss_bytes: 'long?',
} as const satisfies Columns;

export type CompareRow = RowOf<typeof compareColumns>;

export const serverArm = 'server';
