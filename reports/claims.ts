import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Figures in a text, and the records behind them. A table names its record in a comment before it; a number in a sentence in
 * a comment after it:
 *
 *     <!-- figures: reports/results/sweep
 *     path: arms.{column}.{row}
 *     columns: ar mtp-d1
 *     rows: tok_s estimates.speedup_vs_ar.value,estimates.speedup_vs_ar.low -->
 *     | | plain | D1 |
 *
 *     … is 1.80×<!-- figure: reports/results/sweep arms.mtp-d4.speedup_vs_ar --> as fast …
 *
 * Paths lead into the record's result.json; in a list a step is an index, or the `name`, `arm` or `gate` of an element. A cell
 * with several numbers takes as many paths, divided by commas; `-` leaves a row or a column unchecked. A number before
 * % is a share. The first column of a table holds the names of its rows.
 */

/** What result.json of a record says; undefined when there is none. */
export type ReadResult = (record: string) => unknown;

export interface CheckedText {
  /** In words, with the line; none when every figure has its record. */
  problems: string[];
  /** The text with every figure as its record says, in the precision that it was printed with. */
  filled: string;
  /** Numbers that were compared. */
  compared: number;
}

export function readResults(root: string): ReadResult {
  return (record) => {
    try {
      return JSON.parse(readFileSync(join(root, record, 'result.json'), 'utf8')) as unknown;
    } catch {
      return undefined;
    }
  };
}

const tableComment = /^<!-- figures: ([\s\S]*?)-->\n((?:\|.*\n)+)/gm;
const sentenceComment = /(-?\d+(?:\.\d+)?)([^\d<>\n]*)<!-- figure: (\S+) (\S+) -->/g;
const codeBlock = /^```[\s\S]*?^```/gm;
const table = /^(?:\|.*\n)+/gm;
/** A number that says how fast something is. */
const speed = /\d+(?:\.\d+)?\s?(?:×|tok\/s|tokens a second|tokens per second|ms\b|µs|times (?:as|faster))/g;

/** Compares the figures of a Markdown text with their records. */
export function checkClaims(text: string, read: ReadResult): CheckedText {
  const claims = new Claims(text, read);
  let filled = text.replace(tableComment, (whole, head: string, rows: string, at: number) =>
    whole.replace(rows, () => claims.table(head, rows, at)),
  );
  filled = filled.replace(
    sentenceComment,
    (whole, number: string, unit: string, record: string, path: string, at: number) =>
      whole.replace(number, () => claims.number(number, unit, record, path, at)),
  );
  claims.unbacked();
  return { problems: claims.problems, filled, compared: claims.compared };
}

class Claims {
  readonly problems: string[] = [];
  compared = 0;
  readonly #text: string;
  readonly #read: ReadResult;

  constructor(text: string, read: ReadResult) {
    this.#text = text;
    this.#read = read;
  }

  /** The rows of a table with their numbers as the record says. */
  table(head: string, rows: string, at: number): string {
    const [record = '', ...settings] = head.trim().split('\n');
    const setting = (name: string): string =>
      settings
        .find((line) => line.startsWith(`${name}:`))
        ?.slice(name.length + 1)
        .trim() ?? '';
    const [columns, fields] = [setting('columns').split(/\s+/), setting('rows').split(/\s+/)];
    const [heading, divider, ...body] = rows.trimEnd().split('\n');
    const widths = body.map((line) => cellsOf(line).length - 1);
    if (body.length !== fields.length || widths.some((width) => width !== columns.length)) {
      this.#problem(
        at,
        `the table has ${body.length} rows of ${widths[0]} figures, its comment ${fields.length} of ${columns.length}`,
      );
      return rows;
    }
    const lines = body.map((line, r) => {
      const [name, ...cells] = cellsOf(line);
      const checked = cells.map((cell, c) => {
        if (fields[r] === '-' || columns[c] === '-') return cell;
        const paths = fields[r]!.split(',').flatMap((field) =>
          columns[c]!.split(',').map((column) => setting('path').replace('{column}', column).replace('{row}', field)),
        );
        return this.#cell(cell, record.trim(), paths, at);
      });
      return `|${[name, ...checked].join('|')}|`;
    });
    return `${[heading, divider, ...lines].join('\n')}\n`;
  }

  /** A printed number as the record says. */
  number(printed: string, unit: string, record: string, path: string, at: number): string {
    const result = this.#read(record);
    const value = result === undefined ? undefined : valueAt(result, path);
    if (typeof value !== 'number') {
      this.#problem(at, result === undefined ? `there is no record ${record}` : `${record} has no number at ${path}`);
      return printed;
    }
    this.compared += 1;
    const exact = unit.trimStart().startsWith('%') ? 100 * value : value;
    const decimals = printed.split('.')[1]?.length ?? 0;
    if (Math.abs(exact - Number(printed)) <= 0.5 * 10 ** -decimals * (1 + 1e-9)) return printed;
    this.#problem(at, `${printed} is printed, ${record} says ${exact} at ${path}`);
    return exact.toFixed(decimals);
  }

  /** Tables and sentences that tell a speed without naming a record. */
  unbacked(): void {
    // Of the same length, so that places stay what they are.
    const blank = (part: string): string => part.replaceAll(/[^\n]/g, ' ');
    const prose = this.#text.replace(codeBlock, blank).replace(tableComment, blank);
    for (const { 0: rows, index } of prose.matchAll(table))
      if (isFigureTable(rows)) this.#problem(index, 'a table of figures names no record');
    for (const { 0: found, index } of prose.replace(table, blank).replace(sentenceComment, blank).matchAll(speed))
      this.#problem(index, `"${found}" names no record`);
  }

  #cell(cell: string, record: string, paths: readonly string[], at: number): string {
    const numbers = [...cell.matchAll(/-?\d+(?:\.\d+)?/g)];
    if (numbers.length !== paths.length) {
      this.#problem(at, `"${cell.trim()}" has ${numbers.length} numbers for ${paths.join(', ')}`);
      return cell;
    }
    let filled = '';
    let end = 0;
    for (const [i, { 0: printed, index }] of numbers.entries()) {
      const next = numbers[i + 1]?.index ?? cell.length;
      const unit = cell.slice(index + printed.length, next);
      filled += cell.slice(end, index) + this.number(printed, unit, record, paths[i]!, at);
      end = index + printed.length;
    }
    return filled + cell.slice(end);
  }

  #problem(at: number, problem: string): void {
    this.problems.push(`line ${this.#text.slice(0, at).split('\n').length}: ${problem}`);
  }
}

/** Two bare numbers in one row make a table of figures. */
function isFigureTable(rows: string): boolean {
  const isNumber = (cell: string): boolean => /^\s*-?\d+(?:\.\d+)?\s*(?:×|%)?\s*$/.test(cell);
  return rows.split('\n').some((line) => cellsOf(line).filter(isNumber).length >= 2);
}

function cellsOf(line: string): string[] {
  return line.split('|').slice(1, -1);
}

function valueAt(result: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((value, step) => {
    if (Array.isArray(value))
      return /^\d+$/.test(step) ? value[Number(step)] : value.find((element) => isNamed(element, step));
    return typeof value === 'object' && value !== null && Object.hasOwn(value, step)
      ? (value as Record<string, unknown>)[step]
      : undefined;
  }, result);
}

function isNamed(element: unknown, name: string): boolean {
  if (typeof element !== 'object' || element === null) return false;
  const named = element as Record<string, unknown>;
  return [named['name'], named['arm'], named['gate']].includes(name);
}
