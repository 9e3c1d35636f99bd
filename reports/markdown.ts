import { ratio } from '../harness/averages.ts';
import type { Figure, LabelledRecord } from './figures/figure.ts';
import { armsOfRecord, settingText } from './generations.ts';

/** The text of a report: what was run and where, the arms as numbers, the figures with their captions. */
export function markdown(records: readonly LabelledRecord[], figures: readonly Figure[]): string {
  const title = records.length === 1 ? records[0]!.name : `${records.length} runs compared`;
  const parts = [`# ${title}`, originTable(records), armTable(records), ...figures.map(section)];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function originTable(records: readonly LabelledRecord[]): string {
  const facts: [name: string, of: (record: LabelledRecord) => string][] = [
    ['run', ({ name }) => name],
    ['experiment', ({ description }) => `${description.experiment}, spec version ${description.spec_version}`],
    ['model', ({ description: { model } }) => (model === null ? '–' : `${model.name} (${model.hash.slice(0, 12)})`)],
    ['started', ({ description }) => description.started],
    ['mtplx', ({ description }) => sourceOf(description)],
    [
      'machine',
      ({ description: { machine: m } }) => `${m.cpu}, ${m.usable_cores} of ${m.cores} cores, ${m.os} ${m.arch}`,
    ],
    [
      'load, governor',
      ({ description: { machine: m } }) =>
        `${m.load_average.map((load) => load.toFixed(2)).join(' ')}, ${m.governor ?? 'unknown'}`,
    ],
    [
      'engine',
      ({ description: { engine: e } }) =>
        e === null ? '–' : `MLX ${e.mlx} ${e.backend}, ${e.isa}, threads ${e.threads}`,
    ],
    [
      'temperature sensors',
      ({ description: { machine: m } }) =>
        m.temperature_sensors.length === 0 ? 'none' : m.temperature_sensors.join(', '),
    ],
  ];
  const lines = facts.map(([name, of]) => row([name, ...records.map(of)]));
  return [row(['', ...records.map(({ label }) => label)]), row(['---', ...records.map(() => '---')]), ...lines].join(
    '\n',
  );
}

function sourceOf({ mtplx, commit, dirty, numerics_version }: LabelledRecord['description']): string {
  const source = commit === null ? mtplx : `${mtplx} at ${commit.slice(0, 12)}${dirty ? ', files changed' : ''}`;
  return `${source}, numerics version ${numerics_version}`;
}

/** Speeds of all arms with generations; empty when there are none. */
function armTable(records: readonly LabelledRecord[]): string {
  const lines = records.flatMap((record) => {
    const arms = armsOfRecord(record);
    return arms.map(({ setting, arm, tokensPerSecond, acceptedLength, cycles, cycleMs }) => {
      const text = settingText(setting);
      const plain = arms.find((other) => settingText(other.setting) === text && other.depth === 0);
      const gain = plain === undefined ? '–' : `${ratio(tokensPerSecond, plain.tokensPerSecond).toFixed(2)}×`;
      const numbers = [tokensPerSecond.toFixed(1), gain, acceptedLength.toFixed(2), cycleMs.toFixed(2), `${cycles}`];
      return row([record.label, text, arm, ...numbers]);
    });
  });
  if (lines.length === 0) return '';
  const headings = ['run', 'setting', 'arm', 'tok/s', 'of plain', 'tokens a cycle', 'cycle ms', 'cycles'];
  const note =
    'Speeds are tokens after the first of each generation over the time that they took, all generations together; a cycle is the median.';
  return [row(headings), row(headings.map(() => '---')), ...lines, '', note].join('\n');
}

function section({ name, title, caption }: Figure): string {
  return `## ${title}\n\n![${title}](${name}.svg)\n\n${caption}`;
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}
