import type { Acceptance, AcceptanceStudy } from '../../harness/acceptance/document.ts';
import type { Estimate } from '../../harness/intervals.ts';
import { between, machineLines, numberColumns, percent, shareCell, suiteLines } from './measured-lines.ts';
import { table } from './table.ts';

/** The result of `bench acceptance` for a reader: by temperature and rule, by prompt, by context. */
export function acceptanceReport(study: AcceptanceStudy): string {
  const { depth, runs, seed, acceptance, sampler, by_sampling, by_prompt, by_context } = study;
  return [
    [...suiteLines(study), `depth ${depth}, repeats ${runs}, seed ${seed}`].join('\n'),
    section(depth, 'T, rule', by_sampling, (row) => `${row.temperature} ${row.acceptance}`),
    ruleLines(study),
    `By prompt, T ${sampler.temperature}, ${acceptance}:`,
    section(depth, 'prompt', by_prompt, ({ prompt }) => prompt),
    ...contextSection(study, by_context),
    'At position i, %: accepted at i / cycles (Wilson, 95 %). Length: 1 + accepted drafts a cycle (bootstrap, 95 %).',
    machineLines(study).join('\n'),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

function section<Row extends Acceptance>(
  depth: number,
  heading: string,
  rows: readonly Row[],
  name: (row: Row) => string,
): string {
  const positions = Array.from({ length: depth }, (_, i) => i);
  const columns = numberColumns(heading, ['cycles', 'length', '95 %', 'rate %', ...positions.map((i) => `${i + 1}`)]);
  return table(
    columns,
    rows.map((row) => [
      name(row),
      `${row.cycles}`,
      ...lengthCells(row.accepted_length),
      percent(row.acceptance_rate),
      ...positions.map((i) => (row.positions[i] ? shareCell(row.positions[i].per_step) : '')),
    ]),
  );
}

function lengthCells(length: Estimate): string[] {
  return [length.value.toFixed(2), between(length)];
}

function ruleLines({ coupled_over_leviathan }: AcceptanceStudy): string {
  const lines = coupled_over_leviathan.map(
    ({ temperature, ratio }) => `T ${temperature}: ${ratio.value.toFixed(3)} (${between(ratio, 3)})`,
  );
  return lines.length > 0 ? ['Length with coupled over length with leviathan:', ...lines].join('\n') : '';
}

function contextSection(
  { depth, context_suite }: AcceptanceStudy,
  rows: readonly AcceptanceStudy['by_context'][number][],
): string[] {
  if (context_suite === null) return [];
  const name = ({ context, prompts, prompt_tokens }: AcceptanceStudy['by_context'][number]): string =>
    `${context} (${prompts} prompts, ${prompt_tokens.toFixed(0)} tokens)`;
  return [`By context, the ends of the prompts of ${context_suite}:`, section(depth, 'context', rows, name)];
}
