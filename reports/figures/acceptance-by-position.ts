import type { TopLevelSpec } from 'vega-lite';
import { wilson } from '../../harness/intervals.ts';
import { type ArmFigures, armsOfRecord, settingText } from '../generations.ts';
import type { Figure, LabelledRecord } from './figure.ts';
import { linesWithPoints } from './panels.ts';

interface Point {
  /** Rows of the chart: rule, and whether temperatures or contexts are compared. */
  panel: string;
  definition: string;
  series: string;
  position: number;
  share: number;
  low: number;
  high: number;
}

const definitions = ['accepted at i ÷ cycles', 'accepted at i ÷ accepted at i − 1'];
const legendColumns = 3;

export const acceptanceByPosition: Figure = {
  name: 'acceptance-by-position',
  title: 'Acceptance by position',
  caption:
    'How often the draft at position i was emitted: of all cycles (left), of the cycles that emitted the draft before it (right). The deepest arm of each setting. Bars are 95 % Wilson intervals.',
  spec: (records) => {
    const points = records.flatMap(pointsOf);
    if (points.length === 0) return null;
    const panels = [...Map.groupBy(points, ({ panel }) => panel)];
    return {
      title: { text: acceptanceByPosition.title },
      vconcat: panels.map(([panel, own]) => chart(panel, own)),
      resolve: { scale: { color: 'independent' } },
      spacing: 40,
    } as TopLevelSpec;
  },
};

function chart(panel: string, points: readonly Point[]): object {
  const series = [...new Set(points.map((point) => point.series))];
  const share = {
    type: 'quantitative',
    title: 'share of drafts emitted',
    scale: { domain: [0, 1] },
    axis: { format: '.0%' },
  };
  return {
    title: { text: panel, fontSize: 13 },
    data: { values: points },
    facet: { column: { field: 'definition', type: 'nominal', title: null, sort: definitions } },
    spec: {
      width: 320,
      height: 240,
      encoding: {
        x: { field: 'position', type: 'ordinal', title: 'position i in the cycle', axis: { labelAngle: 0 } },
        color: {
          field: 'series',
          type: 'nominal',
          title: null,
          sort: series,
          legend: { orient: 'bottom', columns: legendColumns, symbolOpacity: 1 },
        },
      },
      layer: [
        {
          mark: { type: 'rule', strokeWidth: 2, opacity: 0.5 },
          encoding: { y: { field: 'low', ...share }, y2: { field: 'high' } },
        },
        { mark: linesWithPoints, encoding: { y: { field: 'share', ...share } } },
      ],
    },
  };
}

function pointsOf(record: LabelledRecord): Point[] {
  const settings = Map.groupBy(armsOfRecord(record), ({ setting }) => settingText(setting));
  return [...settings.values()].flatMap((arms) => {
    const deepest = arms.reduce((a, b) => (b.depth > a.depth ? b : a));
    const { rule, temperature, context } = deepest.setting;
    const compared = context !== '' ? 'by context' : temperature !== '' ? 'by temperature' : null;
    const panel = compared === null ? '' : joined(rule, compared);
    const series = joined(record.label, context || temperature || rule, deepest.arm);
    return pointsOfArm(deepest, panel, series);
  });
}

function joined(...parts: string[]): string {
  return parts.filter((part) => part !== '').join(', ');
}

function pointsOfArm({ acceptedAt, cycles }: ArmFigures, panel: string, series: string): Point[] {
  return acceptedAt.flatMap((count, i) =>
    definitions.flatMap((definition, d) => {
      const trials = d === 0 || i === 0 ? cycles : acceptedAt[i - 1]!;
      if (trials === 0) return [];
      const { value: share, low, high } = wilson(count, trials);
      return [{ panel, definition, series, position: i + 1, share, low, high }];
    }),
  );
}
