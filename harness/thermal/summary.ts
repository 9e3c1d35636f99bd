import { ratio, sum } from '../averages.ts';
import { bootstrap, type Estimate, type Rate, totalRateRatio } from '../intervals.ts';
import type { Leg, ThermalDocument } from './document.ts';
import type { ThermalRow } from './rows.ts';

export type ThermalSummary = Pick<ThermalDocument, 'sensors' | 'missing' | 'legs' | 'ratios'>;

const minute = 60;
/** Speeds of neighbouring seconds belong to one text: a bootstrap draws them together, at least six stretches. */
const longestStretch = 10;
const fewestStretches = 6;

const sensorColumns = ['temperature_c', 'fan_rpm', 'clock_mhz', 'gpu_temperature_c', 'gpu_clock_mhz'] as const;

/** What the seconds of a thermal run say; definitions stand at the fields of document.ts. */
export function summariseThermal(rows: readonly ThermalRow[], seed: number): ThermalSummary {
  const numbers = [...new Set(rows.map(({ leg }) => leg))];
  const legs = numbers.map((leg) =>
    legOf(
      rows.filter((row) => row.leg === leg),
      seed,
    ),
  );
  return {
    sensors: [...new Set(rows.flatMap(({ sensors }) => sensors))].toSorted(),
    missing: sensorColumns.filter((column) => rows.every((row) => row[column] === null)),
    legs,
    ratios: ratiosOf(rows, legs, seed),
  };
}

function legOf(rows: readonly ThermalRow[], seed: number): Leg {
  const seconds = rows.filter(({ phase }) => phase === 'run');
  const { leg, arm, depth } = seconds[0]!;
  const window = windowOf(seconds);
  const [first, last] = [seconds.slice(0, window), seconds.slice(-window)];
  const drafted = sum(seconds.map((row) => row.drafted));
  const course = Object.fromEntries(sensorColumns.map((column) => [column, courseOf(seconds, column)]));
  return {
    leg,
    arm,
    depth,
    seconds: seconds.length,
    cool_down_s: rows.length - seconds.length,
    tok_s: speed(seconds),
    acceptance_rate: drafted > 0 ? sum(seconds.map((row) => row.accepted)) / drafted : null,
    minutes: pieces(seconds, minute).map(speed),
    window_s: window,
    first_tok_s: speed(first),
    last_tok_s: speed(last),
    drift: ratioOf(last, first, seed),
    ...(course as Record<(typeof sensorColumns)[number], Leg['temperature_c']>),
  };
}

function ratiosOf(rows: readonly ThermalRow[], legs: readonly Leg[], seed: number): ThermalDocument['ratios'] {
  const over = legs[0]!.arm;
  const windows = (arm: string, cut: (seconds: ThermalRow[]) => ThermalRow[]): ThermalRow[] =>
    legs
      .filter((leg) => leg.arm === arm)
      .flatMap(({ leg }) => cut(rows.filter((row) => row.leg === leg && row.phase === 'run')));
  const others = [...new Set(legs.map(({ arm }) => arm))].filter((arm) => arm !== over);
  return others.map((arm) => {
    const between = (cut: (seconds: ThermalRow[]) => ThermalRow[]): Estimate =>
      ratioOf(windows(arm, cut), windows(over, cut), seed);
    return {
      arm,
      over,
      whole: between((seconds) => seconds),
      first_window: between((seconds) => seconds.slice(0, windowOf(seconds))),
      last_window: between((seconds) => seconds.slice(-windowOf(seconds))),
    };
  });
}

function windowOf(seconds: readonly ThermalRow[]): number {
  return Math.max(1, Math.min(minute, Math.floor(seconds.length / 2)));
}

/** Ratio of two stretches of time, piece by piece at the same distance from their starts. */
function ratioOf(above: readonly ThermalRow[], below: readonly ThermalRow[], seed: number): Estimate {
  const shorter = Math.min(above.length, below.length);
  const size = Math.max(1, Math.min(longestStretch, Math.floor(shorter / fewestStretches)));
  const [arms, bases] = [pieces(above, size).map(rateOf), pieces(below, size).map(rateOf)];
  const pairs = arms.slice(0, bases.length).map((arm, i) => ({ arm, base: bases[i]! }));
  return bootstrap([pairs], totalRateRatio, { seed });
}

function courseOf(seconds: readonly ThermalRow[], column: (typeof sensorColumns)[number]): Leg['temperature_c'] {
  const values = seconds.flatMap((row) => row[column] ?? []);
  if (values.length === 0) return null;
  return { first: values[0]!, highest: Math.max(...values), last: values.at(-1)! };
}

function pieces<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}

function rateOf(seconds: readonly ThermalRow[]): Rate {
  return { tokens: sum(seconds.map(({ emitted }) => emitted)), ms: seconds.length * 1000 };
}

/** Tokens a second in these seconds, a cool-down left out. */
export function speed(rows: readonly ThermalRow[]): number {
  const seconds = rows.filter(({ phase }) => phase === 'run');
  const { tokens, ms } = rateOf(seconds);
  return ratio(tokens, ms / 1000);
}
