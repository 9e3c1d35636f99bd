import type { CompareDocument } from '../../harness/peers/document.ts';
import { between, machineLines, numberColumns, suiteLines, times } from './measured-lines.ts';
import { table } from './table.ts';

/** The result of `bench compare` for a reader: both sides' speeds and our arms over the server. */
export function compareReport(document: CompareDocument): string {
  const { runs, seed, acceptance, server, arms } = document;
  return [
    [...suiteLines(document), `acceptance ${acceptance}, repeats ${runs}, seed ${seed}`].join('\n'),
    speeds(arms, server),
    notes(document).join('\n'),
    machineLines(document).join('\n'),
  ].join('\n\n');
}

function speeds(arms: CompareDocument['arms'], server: CompareDocument['server']): string {
  const columns = numberColumns('side', [
    'tok/s',
    'TTFT ms',
    'whole tok/s',
    'ratio',
    '95 %',
    'of totals',
    'whole ratio',
  ]);
  const cells = ({
    tok_s,
    ttft_ms,
    whole_tok_s,
  }: CompareDocument['server'] | CompareDocument['arms'][number]): string[] => [
    tok_s.toFixed(1),
    ttft_ms.toFixed(1),
    whole_tok_s.toFixed(1),
  ];
  return table(columns, [
    ['server', ...cells(server), '1.00×', '', '', ''],
    ...arms.map((arm) => [
      arm.name,
      ...cells(arm),
      times(arm.ratio.value),
      between(arm.ratio),
      times(arm.ratio_of_totals.value),
      times(arm.whole_ratio.value),
    ]),
  ]);
}

function notes({ server, peak_rss_bytes }: CompareDocument): string[] {
  const { command, endpoint, counted, new_tokens, other_prompts } = server;
  const memory = server.peak_rss_bytes === null ? 'unknown' : `${mebibytes(server.peak_rss_bytes)} MiB`;
  return [
    `Server: ${command ?? 'ran already'}`,
    `It answered on /v1/${endpoint === 'chat' ? 'chat/completions' : endpoint} with ${new_tokens.join(' to ')} tokens a text, counted ${counted === 'server' ? 'by itself' : 'by encoding its text again'}.`,
    'Decoding alone: tokens after the first. Whole: prefill included; ours in process, the server over HTTP.',
    `Peak memory: ours ${mebibytes(peak_rss_bytes)} MiB (Node included), the server's ${memory}.`,
    ...(other_prompts.length > 0 ? [`PROMPTS DIFFER: ${other_prompts.join('; ')}.`] : []),
  ];
}

const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(0);
