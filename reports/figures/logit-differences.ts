import { z } from 'zod';
import { rowsWith } from '../record.ts';
import type { Figure, LabelledRecord } from './figure.ts';
import { colours } from '../theme.ts';
import { panelOf } from './panels.ts';

/** Counts by bin; see harness/experiments/difference-bins.ts. */
const binsSchema = z.object({ unit: z.string(), logit_diff_bins: z.array(z.number()) });

interface Bar {
  series: string;
  bin: number;
  count: number;
  /** Bars of a logarithmic axis begin at 1 logit. */
  floor: number;
}

const smallestPower = -30;
const countTicks = Array.from({ length: 10 }, (_, power) => 10 ** power);
/** Powers of two between labels. */
const labelStep = 4;

export const logitDifferences: Figure = {
  name: 'logit-differences',
  title: 'Differences of logits',
  caption:
    'Absolute differences of logits between two ways to compute the same row, in bins of one power of two that begin at the value shown; the bar at 0 counts equal values. Counts are on a logarithmic axis that begins below 1.',
  spec: (records) => {
    const bars = records.flatMap(barsOf);
    if (bars.length === 0) return null;
    const last = Math.max(...bars.map(({ bin }) => bin), labelStep);
    const bins = Array.from({ length: last + 1 }, (_, bin) => bin);
    const series = [...new Set(bars.map((bar) => bar.series))];
    return {
      title: { text: logitDifferences.title },
      data: { values: bars },
      facet: {
        field: 'series',
        type: 'nominal',
        title: null,
        sort: series,
        header: { labelAnchor: 'start' },
      },
      columns: 1,
      spec: {
        width: 700,
        height: 150,
        mark: { type: 'bar', color: colours[0]! },
        encoding: {
          x: {
            field: 'bin',
            type: 'ordinal',
            title: 'absolute difference',
            scale: { domain: bins },
            axis: { labelAngle: 0, values: bins.filter(isLabelled), labelExpr: labelExpression(bins) },
          },
          y: {
            field: 'count',
            type: 'quantitative',
            title: 'logits',
            scale: { type: 'log', domain: [barFloor, 2 * Math.max(...bars.map(({ count }) => count))], nice: false },
            axis: { values: countTicks, format: '~s' },
          },
          y2: { field: 'floor' },
        },
      },
    };
  },
};

const barFloor = 0.5;

/** Bars of one gate or setting: the unit's key up to its first slash. */
function barsOf(record: LabelledRecord): Bar[] {
  const rows = rowsWith(record, binsSchema).filter(({ logit_diff_bins }) => logit_diff_bins.length > 0);
  return [...Map.groupBy(rows, ({ unit }) => unit.split('/')[0]!)].flatMap(([group, own]) => {
    const series = panelOf(record.label, group);
    const counts = own[0]!.logit_diff_bins.map((_, bin) =>
      own.reduce((sum, row) => sum + row.logit_diff_bins[bin]!, 0),
    );
    return counts.flatMap((count, bin) => (count === 0 ? [] : [{ series, bin, count, floor: barFloor }]));
  });
}

function isLabelled(bin: number): boolean {
  return bin === 0 || (bin - 2 + smallestPower) % labelStep === 0;
}

/** Bin numbers as what they stand for, in Vega's expression language. */
function labelExpression(bins: readonly number[]): string {
  const labels = bins.map((bin) => (bin === 0 ? '0' : `2${superscript(bin - 2 + smallestPower)}`));
  return `${JSON.stringify(labels)}[datum.value]`;
}

function superscript(power: number): string {
  const digits = '⁰¹²³⁴⁵⁶⁷⁸⁹';
  return `${power}`.replaceAll(/[-\d]/g, (character) => (character === '-' ? '⁻' : digits[Number(character)]!));
}
