/** One column: its heading, and whether its cells are numbers (aligned right). */
export interface Column {
  heading: string;
  numeric?: boolean;
}

/** Aligned columns, two spaces apart, one line a row and no trailing blanks. Every row has a cell for each column. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const lines = [columns.map((column) => column.heading), ...rows];
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => width(line[i] ?? ''))));
  return lines
    .map((line) =>
      columns
        .map((column, i) => pad(line[i] ?? '', widths[i] ?? 0, column))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function pad(cell: string, size: number, { numeric = false }: Column): string {
  const blanks = ' '.repeat(size - width(cell));
  return numeric ? blanks + cell : cell + blanks;
}

const graphemes = new Intl.Segmenter();

/** What a reader sees as characters, so that × or an accent takes one column. */
function width(cell: string): number {
  return [...graphemes.segment(cell)].length;
}
