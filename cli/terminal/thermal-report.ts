import type { Leg, ThermalDocument } from '../../harness/thermal/document.ts';
import { between, machineLines, numberColumns, percent, suiteLines, times } from './measured-lines.ts';
import { table } from './table.ts';

/** The result of `bench thermal` for a reader: legs, drift, heat, and the arms against each other. */
export function thermalReport(document: ThermalDocument): string {
  const { minutes, rounds, seed, acceptance, cool_down_s, legs, ratios } = document;
  const plan = `${minutes} min a leg, rounds ${rounds}, cool-down ${cool_down_s} s at most, acceptance ${acceptance}, seed ${seed}`;
  return [
    [...suiteLines(document), plan].join('\n'),
    legTable(legs),
    ratios.length > 0 ? ratioTable(ratios) : '',
    heatTable(document),
    machineLines(document).join('\n'),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

function legTable(legs: readonly Leg[]): string {
  const columns = numberColumns('arm', ['cool-down s', 'tok/s', 'accepted %', 'first', 'last', 'last / first', '95 %']);
  const rows = legs.map((leg) => [
    leg.arm,
    `${leg.cool_down_s}`,
    leg.tok_s.toFixed(1),
    leg.acceptance_rate === null ? '' : percent(leg.acceptance_rate),
    leg.first_tok_s.toFixed(1),
    leg.last_tok_s.toFixed(1),
    leg.drift.value.toFixed(3),
    between(leg.drift, 3),
  ]);
  const window = Math.max(...legs.map(({ window_s }) => window_s));
  return `${table(columns, rows)}\nfirst, last: tok/s in the first and the last ${window} s. Everything counts, prefills too.`;
}

function ratioTable(ratios: ThermalDocument['ratios']): string {
  const columns = numberColumns('arms', ['in all', '95 %', 'first', 'last']);
  return table(
    columns,
    ratios.map(({ arm, over, whole, first_window, last_window }) => [
      `${arm} / ${over}`,
      times(whole.value),
      between(whole),
      times(first_window.value),
      times(last_window.value),
    ]),
  );
}

const sensorNames = {
  temperature_c: 'processor °C',
  fan_rpm: 'fan rpm',
  clock_mhz: 'clock MHz',
  gpu_temperature_c: 'GPU °C',
  gpu_clock_mhz: 'GPU clock MHz',
} as const;

function heatTable({ legs, missing, sensors }: ThermalDocument): string {
  const names = Object.keys(sensorNames) as (keyof typeof sensorNames)[];
  const known = names.filter((name) => !missing.includes(name));
  const absent = names.filter((name) => missing.includes(name)).map((name) => sensorNames[name]);
  const lines: string[] = [];
  if (known.length > 0) {
    const columns = numberColumns(
      'first, highest, last',
      known.map((name) => sensorNames[name]),
    );
    const course = (leg: Leg[(typeof names)[number]]): string =>
      leg === null ? '' : [leg.first, leg.highest, leg.last].map((value) => value.toFixed(0)).join(', ');
    lines.push(
      table(
        columns,
        legs.map((leg) => [leg.arm, ...known.map((name) => course(leg[name]))]),
      ),
    );
  }
  if (sensors.length > 0) lines.push(`Sensors: ${sensors.join(', ')}.`);
  if (absent.length > 0) lines.push(`This machine shows no sensor for: ${absent.join(', ')}. These columns are null.`);
  return lines.join('\n');
}
