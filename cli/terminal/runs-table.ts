import type { RunEntry } from '../../harness/experiments/listing.ts';
import { table } from './table.ts';

const commitDigits = 9;

/** One line a run, in the order given. */
export function runsTable(entries: readonly RunEntry[]): string {
  const headings = ['run', 'started', 'model', 'commit', 'state', 'result'];
  return table(
    headings.map((heading) => ({ heading })),
    entries.map(({ name, started, model, commit, dirty, state, headline }) => [
      name,
      `${started.slice(0, 10)} ${started.slice(11, 16)}`,
      model ?? '–',
      commit === null ? '–' : `${commit.slice(0, commitDigits)}${dirty ? '*' : ''}`,
      state,
      headline,
    ]),
  );
}
