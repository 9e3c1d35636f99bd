import { type CycleRecord, decode, type DecodingOptions, type FinishReason } from '../decoding/cycle.ts';
import { StopStrings } from '../decoding/stop.ts';
import { Tally } from '../decoding/tally.ts';
import type { EngineModel } from '../engine/engine.ts';
import { Detokenizer } from '../model/detokenizer.ts';
import type { Tokenizer } from '../model/tokenizer.ts';

/** What one step of a generation adds. */
export interface GenerationPart {
  /** Text that is complete now: never half a character, never the beginning of a stop string. May be empty. */
  text: string;
  /** Ids that were decided in this step. */
  tokens: number[];
  /** Drafts, verdict and times of the cycle; null for the token that the prompt's last row gave. */
  cycle: CycleRecord | null;
  /** Set on the last part: `stop` (an end token or a stop string), `length`, or `abort`. */
  finish: FinishReason | null;
}

interface Start {
  tokens: Int32Array;
  decoding: DecodingOptions;
}

/** A running generation: iterate over it once. Leaving the loop early stops it and frees its state. */
export class Generation implements AsyncIterable<GenerationPart> {
  /** Counts and acceptance so far. */
  readonly tally = new Tally();
  readonly #engine: EngineModel;
  readonly #tokenizer: Tokenizer;
  readonly #stops: readonly string[];
  readonly #start: () => Promise<Start>;
  #decoding: DecodingOptions | null = null;
  #promptTokens = 0;
  #times = { begin: 0, first: 0, last: 0 };

  constructor(engine: EngineModel, tokenizer: Tokenizer, stops: readonly string[], start: () => Promise<Start>) {
    this.#engine = engine;
    this.#tokenizer = tokenizer;
    this.#stops = stops;
    this.#start = start;
  }

  /** The seed, sampler, depth and acceptance in use; null before the first part. */
  get decoding(): Readonly<DecodingOptions> | null {
    return this.#decoding;
  }

  get promptTokens(): number {
    return this.#promptTokens;
  }

  /** Milliseconds from the start to the first token. */
  get ttftMs(): number {
    return this.#times.first - this.#times.begin;
  }

  /** Tokens a second after the first one: decoding alone. 0 for a single token. */
  get tokensPerSecond(): number {
    const seconds = (this.#times.last - this.#times.first) / 1000;
    return seconds > 0 ? (this.tally.counts.emitted - 1) / seconds : 0;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<GenerationPart, void, undefined> {
    this.#times.begin = performance.now();
    const { tokens: prompt, decoding } = await this.#start();
    this.#decoding = decoding;
    this.#promptTokens = prompt.length;
    const text = new Detokenizer(this.#tokenizer, { skipSpecial: true });
    const stops = new StopStrings(this.#stops);
    let piece = '';
    // A stop string cuts inside an accepted run, as an end token does.
    const stopAfter = (id: number): boolean => {
      piece += stops.push(text.push(id));
      return stops.found !== null;
    };
    const mtp = decoding.depthPolicy?.drafts ?? decoding.depth > 0;
    const sequence = await this.#engine.createSequence({ mtp });
    try {
      for await (const { tokens, cycle, finish } of decode(sequence, prompt, 0, { ...decoding, stopAfter })) {
        this.#times.last = performance.now();
        if (cycle === null) this.#times.first = this.#times.last;
        this.tally.add(tokens.length, cycle);
        if (finish !== null) piece += stops.push(text.flush()) + stops.flush();
        yield { text: piece, tokens, cycle, finish };
        piece = '';
      }
    } finally {
      await sequence.dispose();
    }
  }

  /** The whole text, for those who do not stream. */
  async text(): Promise<string> {
    let all = '';
    for await (const part of this) all += part.text;
    return all;
  }
}
