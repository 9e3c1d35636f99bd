import type { Tokenizer } from './tokenizer.ts';

/**
 * Turns a stream of ids into text that can be shown at once: a piece never ends inside a UTF-8 character, and all
 * pieces together are exactly `tokenizer.decode` of all ids. Bytes of an unfinished character are held back until
 * the next id completes or refutes them.
 */
export class Detokenizer {
  readonly #tokenizer: Tokenizer;
  readonly #skipSpecial: boolean;
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });

  constructor(tokenizer: Tokenizer, options: { skipSpecial?: boolean } = {}) {
    this.#tokenizer = tokenizer;
    this.#skipSpecial = options.skipSpecial ?? false;
  }

  /** Text that is complete with this id; may be empty. */
  push(id: number): string {
    if (this.#skipSpecial && this.#tokenizer.specialIds.has(id)) return '';
    return this.#decoder.decode(this.#tokenizer.bytes(id), { stream: true });
  }

  /** What the end of the stream leaves: U+FFFD for an unfinished character, else nothing. Starts afresh. */
  flush(): string {
    return this.#decoder.decode();
  }
}
