import type { TopLevelSpec } from 'vega-lite';
import { z } from 'zod';
import { mean } from '../../harness/averages.ts';
import { rowsWith } from '../record.ts';
import type { Figure, LabelledRecord } from './figure.ts';
import { panelOf } from './panels.ts';

/** Columns of a sustained run: one row a second. */
const secondSchema = z.object({
  leg: z.number(),
  arm: z.string(),
  phase: z.string(),
  at_s: z.number(),
  emitted: z.number(),
  temperature_c: z.number().nullable(),
});

type Second = z.infer<typeof secondSchema>;

interface Point {
  series: string;
  /** Lines end where a leg ends. */
  leg: string;
  minute: number;
  speed: number | null;
  temperature: number | null;
}

/** Seconds of the running mean. */
const windowSeconds = 10;

export const throughput: Figure = {
  name: 'throughput',
  title: 'Throughput over time',
  caption: `Tokens a second while decoding without a pause: the mean of ${windowSeconds} seconds, prefills and pauses between prompts included; below it the temperature, where the machine has a sensor.`,
  spec: (records) => {
    const points = records.flatMap(pointsOf);
    return points.length === 0 ? null : chart(points);
  },
};

function chart(points: Point[]): TopLevelSpec {
  const measured = points.some(({ temperature }) => temperature !== null);
  const series = [...new Set(points.map((point) => point.series))];
  const line = (field: 'speed' | 'temperature', title: string, height: number) => ({
    width: 640,
    height,
    mark: { type: 'line' as const },
    encoding: {
      x: { field: 'minute', type: 'quantitative' as const, title: 'minutes', axis: { format: '~g', tickCount: 8 } },
      y: { field, type: 'quantitative' as const, title, scale: { zero: field === 'speed' } },
      color: {
        field: 'series',
        type: 'nominal' as const,
        title: null,
        sort: series,
        legend: { orient: 'bottom' as const },
      },
      detail: { field: 'leg', type: 'nominal' as const },
    },
  });
  return {
    title: {
      text: throughput.title,
      ...(measured ? {} : { subtitle: 'This machine shows no temperature sensor.' }),
    },
    data: { values: points },
    vconcat: [
      line('speed', 'tokens a second', 260),
      ...(measured ? [line('temperature', 'temperature, °C', 140)] : []),
    ],
  };
}

function pointsOf(record: LabelledRecord): Point[] {
  const seconds = rowsWith(record, secondSchema);
  const phases = Map.groupBy(seconds, ({ leg, phase }) => JSON.stringify([leg, phase]));
  return [...phases.values()].flatMap((phase) => {
    const running = phase[0]!.phase === 'run';
    return phase.map(({ leg, arm, at_s, temperature_c }, i): Point => {
      const speed = running ? meanAround(phase, i) : null;
      const series = panelOf(record.label, arm);
      return { series, leg: `${series} ${leg} ${running}`, minute: at_s / 60, speed, temperature: temperature_c };
    });
  });
}

function meanAround(phase: readonly Second[], at: number): number {
  const begin = Math.max(0, Math.min(at - windowSeconds / 2, phase.length - windowSeconds));
  return mean(phase.slice(begin, begin + windowSeconds).map(({ emitted }) => emitted));
}
