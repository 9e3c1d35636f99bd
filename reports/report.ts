import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAtomic, writeError } from '../runtime/atomic-file.ts';
import { figures } from './figures/index.ts';
import type { LabelledRecord } from './figures/figure.ts';
import { markdown } from './markdown.ts';
import { labelsOf, openRecord, type ReportRecord } from './record.ts';
import { render } from './render.ts';

/** A report in memory: its files by name. The same records give the same bytes. */
export type ReportFiles = ReadonlyMap<string, string | Uint8Array>;

/** Markdown with the figures that the records hold the data for, each as SVG and PNG. */
export async function makeReport(records: readonly ReportRecord[]): Promise<ReportFiles> {
  const labels = labelsOf(records);
  const labelled = records.map((record, i): LabelledRecord => ({ ...record, label: labels[i]! }));
  const files = new Map<string, string | Uint8Array>();
  const shown = [];
  for (const figure of figures) {
    const spec = figure.spec(labelled);
    if (spec === null) continue;
    const { svg, png } = await render(spec);
    files.set(`${figure.name}.svg`, svg);
    files.set(`${figure.name}.png`, png);
    shown.push(figure);
  }
  return new Map([['report.md', markdown(labelled, shown)], ...files]);
}

/** Where the report of a single run goes: into its own folder. */
export function reportFolder(run: string): string {
  return join(run, 'report');
}

/**
 * Renders one run, or compares several, into a folder.
 * @returns the paths that were written
 * @throws MtplxError MTPLX_E_RUN_BROKEN, MTPLX_E_UNWRITABLE, MTPLX_E_DISK_FULL
 */
export async function writeReport(runs: readonly string[], out: string): Promise<string[]> {
  const records: ReportRecord[] = [];
  for (const run of runs) records.push(await openRecord(run));
  const files = await makeReport(records);
  await mkdir(out, { recursive: true }).catch((cause: unknown) => {
    throw writeError(out, cause);
  });
  const paths: string[] = [];
  for (const [name, content] of files) {
    await writeAtomic(join(out, name), content);
    paths.push(join(out, name));
  }
  return paths;
}
