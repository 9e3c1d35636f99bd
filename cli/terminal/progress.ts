/** Where a progress line goes: standard error of a terminal. */
export interface ProgressStream {
  isTTY?: boolean;
  columns?: number;
  write(text: string): unknown;
}

const barCells = 20;
const redrawMs = 80;

/** One line that redraws itself. Silent unless the stream is a terminal. */
export class Progress {
  readonly #stream: ProgressStream;
  readonly #colour: boolean;
  readonly #now: () => number;
  #drawn = -Infinity;
  #visible = false;

  constructor(
    stream: ProgressStream = process.stderr,
    options: { env?: Record<string, string | undefined>; now?: () => number } = {},
  ) {
    this.#stream = stream;
    this.#colour = !(options.env ?? process.env)['NO_COLOR'];
    this.#now = options.now ?? performance.now.bind(performance);
  }

  /** Shows `done` of `total` and a short text, at most every 80 ms; the last step is always shown. */
  update(done: number, total: number, text = ''): void {
    if (!this.#stream.isTTY) return;
    const now = this.#now();
    if (done < total && now - this.#drawn < redrawMs) return;
    this.#drawn = now;
    this.#visible = true;
    this.#stream.write(`\r\u001b[2K${this.#line(done, total, text)}`);
  }

  /** Removes the line, so that other output starts on a clean one. */
  clear(): void {
    if (this.#visible) this.#stream.write('\r\u001b[2K');
    this.#visible = false;
  }

  #line(done: number, total: number, text: string): string {
    const share = total > 0 ? Math.min(1, Math.max(0, done / total)) : 0;
    const full = Math.floor(share * barCells);
    const tail = ` ${String(Math.floor(share * 100)).padStart(3)} % ${text}`;
    const room = Math.max(0, (this.#stream.columns ?? 80) - barCells - 1);
    const bar = `${'━'.repeat(full)}${this.#paint('─'.repeat(barCells - full))}`;
    return bar + tail.slice(0, room).trimEnd();
  }

  #paint(rest: string): string {
    return this.#colour && rest ? `\u001b[90m${rest}\u001b[39m` : rest;
  }
}
