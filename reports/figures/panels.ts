import type { TopLevelSpec } from 'vega-lite';
import { type ArmFigures, armsOfRecord, settingText } from '../generations.ts';
import { grey } from '../theme.ts';
import type { LabelledRecord } from './figure.ts';

/** What charts by depth share: one panel a setting of a record in which drafting was measured beside plain decoding. */

type UnitSpec = Extract<TopLevelSpec, { mark: unknown }>;

export interface Comparison {
  panel: string;
  plain: ArmFigures;
  /** Plain decoding among them, depths rising. */
  arms: ArmFigures[];
}

export function comparisonsOf(records: readonly LabelledRecord[]): Comparison[] {
  return records.flatMap((record) => {
    const settings = Map.groupBy(armsOfRecord(record), ({ setting }) => settingText(setting));
    return [...settings].flatMap(([setting, arms]) => {
      const plain = arms.find(({ depth }) => depth === 0);
      return plain === undefined || arms.length < 2 ? [] : [{ panel: panelOf(record.label, setting), plain, arms }];
    });
  });
}

/** A label of a panel: what tells the record and what tells the setting. */
export function panelOf(record: string, setting: string): string {
  return [record, setting].filter((part) => part !== '').join(' · ');
}

/** One panel beside the other, two a row; a single one needs no label. */
export function inPanels(
  text: string,
  values: readonly { panel: string }[],
  encoding: UnitSpec['encoding'],
  mark: UnitSpec['mark'],
): TopLevelSpec {
  const panels = [...new Set(values.map(({ panel }) => panel))];
  return {
    title: { text },
    data: { values: [...values] },
    facet: {
      field: 'panel',
      type: 'nominal',
      title: null,
      sort: panels,
      header: panels.length > 1 ? {} : { labels: false },
    },
    columns: 2,
    spec: { width: 360, height: 260, mark, encoding },
  } as TopLevelSpec;
}

/** Bars by depth whose parts stand on each other in the order of `domain`. */
export function stackedByDepth(
  text: string,
  values: readonly { panel: string; depth: number; part: string; value: number }[],
  domain: readonly string[],
  axis: { title: string; format?: string; range?: [number, number] },
): TopLevelSpec {
  const { title, range, ...labels } = axis;
  const encoding = {
    x: { field: 'depth', type: 'ordinal', title: 'drafts a cycle (0: plain decoding)', axis: { labelAngle: 0 } },
    y: {
      field: 'value',
      type: 'quantitative',
      title,
      stack: 'zero',
      axis: labels,
      scale: range ? { domain: range } : {},
    },
    color: {
      field: 'part',
      type: 'nominal',
      title: null,
      scale: { domain: [...domain] },
      legend: { orient: 'bottom', columns: 2 },
    },
    order: { field: 'order', type: 'ordinal' },
  } as const;
  const ordered = values.map((value) => ({ ...value, order: domain.indexOf(value.part) }));
  return inPanels(text, ordered, encoding, { type: 'bar' });
}

/** Three lines of a chart: what was measured, what it is compared with, and a grey dotted baseline. */
export function threeLines(lines: readonly [string, string, string]): NonNullable<UnitSpec['encoding']> {
  const domain = [...lines];
  return {
    color: {
      field: 'line',
      type: 'nominal',
      title: null,
      scale: { domain, range: ['#0072B2', '#D55E00', grey] },
      legend: { orient: 'bottom', columns: 1, symbolType: 'stroke', symbolStrokeWidth: 2.5 },
    },
    strokeDash: {
      field: 'line',
      type: 'nominal',
      title: null,
      scale: {
        domain,
        range: [
          [1, 0],
          [7, 4],
          [2, 3],
        ],
      },
    },
  };
}

export const linesWithPoints: UnitSpec['mark'] = { type: 'line', point: { size: 45 } };
