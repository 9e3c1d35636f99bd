import type { PositionAcceptance } from '../../harness/acceptance/positions.ts';
import type { SweepArm, SweepDocument } from '../../harness/acceptance/sweep-document.ts';
import { between, machineLines, numberColumns, shareCell, suiteLines, times } from './measured-lines.ts';
import { table } from './table.ts';

/** The result of `bench sweep` for a reader: ratios with intervals and predictions, acceptance, where it was taken. */
export function sweepReport(document: SweepDocument): string {
  const { arms, runs, seed, acceptance, warnings } = document;
  const drafting = arms.filter(({ depth }) => depth > 0);
  return [
    [...suiteLines(document), `acceptance ${acceptance}, repeats ${runs}, seed ${seed}`].join('\n'),
    speeds(arms),
    ...positionTables(drafting),
    textLine(document),
    warnings.length > 0
      ? ['Measured and predicted differ by more than 10 %:', ...warnings].join('\n')
      : 'Measured and predicted ratios agree within 10 %.',
    machineLines(document).join('\n'),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

function speeds(arms: readonly SweepArm[]): string {
  const columns = numberColumns('arm', [
    'tok/s',
    'mean ratio',
    '95 %',
    'of totals',
    '95 %',
    'length',
    'c(K)',
    'predicted',
    'measured / predicted',
  ]);
  const rows = arms.map(({ name, tok_s, estimates: e, prediction_error }) => [
    name,
    tok_s.toFixed(1),
    times(e.speedup_vs_ar.value),
    between(e.speedup_vs_ar),
    times(e.speedup_of_totals.value),
    between(e.speedup_of_totals),
    e.accepted_length.value.toFixed(2),
    e.cycle_cost.value.toFixed(2),
    times(e.predicted_speedup.value),
    (1 + prediction_error).toFixed(2),
  ]);
  return `${table(columns, rows)}\nc(K): a cycle over a plain step. Predicted: accepted length ÷ c(K), beside the ratio of totals.`;
}

function positionTables(arms: readonly SweepArm[]): string[] {
  if (arms.length === 0) return [];
  const deepest = Math.max(...arms.map(({ depth }) => depth));
  const positions = Array.from({ length: deepest }, (_, i) => i);
  const of = (heading: string, cell: (position: PositionAcceptance) => string): string =>
    table(
      numberColumns(
        heading,
        positions.map((i) => `${i + 1}`),
      ),
      arms.map((arm) => [arm.name, ...positions.map((i) => (arm.positions[i] ? cell(arm.positions[i]) : ''))]),
    );
  return [
    of('accepted at i / cycles, %', ({ per_step }) => shareCell(per_step)),
    of('given i - 1, %', ({ conditional }) => shareCell(conditional)),
  ];
}

function textLine({ same_text, first_difference }: SweepDocument): string {
  if (same_text === null) return '';
  return same_text ? 'Every arm emitted the same tokens.' : `TEXTS DIFFER: ${first_difference}`;
}
