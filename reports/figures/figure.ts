import type { TopLevelSpec } from 'vega-lite';
import type { ReportRecord } from '../record.ts';

/** A record with the words that tell it from the others of a report. */
export interface LabelledRecord extends ReportRecord {
  /** Empty in a report of one. */
  label: string;
}

/** One kind of chart. */
export interface Figure {
  /** Name of its files. */
  name: string;
  title: string;
  /** What it shows and how its numbers are defined, for the report. */
  caption: string;
  /** The chart, without theme; null when the records do not hold its data. */
  spec(records: readonly LabelledRecord[]): TopLevelSpec | null;
}
