import type { CycleEntry, CycleResult, CycleTimes, DrawSpec, Filter } from '../engine/types.ts';
import { coupled } from './acceptance/coupled.ts';
import { leviathan } from './acceptance/leviathan.ts';
import type { AcceptanceName, AcceptanceRule, Draft } from './acceptance/rule.ts';
import { type Distribution, distribution, drawGumbel, drawUniform } from './distribution.ts';
import { purposes, type RandomKey, uniform } from './random.ts';

/** What decoding needs of an engine sequence; runtime/engine's EngineSequence is one. */
export interface DecodingTarget {
  cycle(entry: Omit<CycleEntry, 'sequence'>): Promise<CycleResult>;
  commit(keep: number): Promise<void>;
}

export interface DecodingOptions {
  /** Filters of the target's distribution. */
  sampler: Filter;
  /** Filters of the drafts; the acceptance rule makes up for any difference. */
  draftSampler: Filter;
  acceptance: AcceptanceName;
  key: RandomKey;
  /** Drafts a cycle, 0 … 8; 0 is plain decoding. */
  depth: number;
  /** New tokens at most, at least 1. */
  maxTokens: number;
  /** A token of these ends the text; it is emitted. */
  stopIds: ReadonlySet<number>;
  vocabSize: number;
  /** Prompt tokens a prefill cycle. */
  prefillChunk?: number;
  signal?: AbortSignal | undefined;
}

/** One cycle of the loop, and what of it was emitted. */
export interface CycleRecord {
  drafted: number;
  /** Leading drafts that the rule accepted, those that an end cut off included. */
  accepted: number;
  kind: 'correction' | 'bonus';
  /** Tokens cut from the end by a stop token or the limit: accepted + 1 - truncated were emitted. */
  truncated: number;
  /** The engine's times, nanoseconds, and the whole cycle as the loop saw it. */
  times: CycleTimes;
  wall: number;
}

export type FinishReason = 'stop' | 'length' | 'abort';

/** What the loop yields: the first token of the prefill (`cycle` is null), then one step a cycle. */
export interface DecodingStep {
  tokens: number[];
  cycle: CycleRecord | null;
  /** Set on the last step. */
  finish: FinishReason | null;
}

const rules: Record<AcceptanceName, AcceptanceRule> = { leviathan, coupled };
const defaultPrefillChunk = 512;
const noTimes: CycleTimes = { commit: 0, draft: 0, verify: 0, candidates: 0, total: 0 };

/**
 * Decodes after `prompt` on a sequence of length `history` that has nothing pending. When the loop ends, by itself or by `return`, the
 * sequence holds the prompt and every emitted token but the last: that one is known and not consumed yet.
 * @throws RangeError for an empty prompt.
 */
export async function* decode(
  target: DecodingTarget,
  prompt: Int32Array,
  history: number,
  options: DecodingOptions,
): AsyncGenerator<DecodingStep, void, undefined> {
  if (prompt.length === 0) {
    throw new RangeError('The prompt has no tokens.');
  }
  const loop = new DecodingLoop(target, history, options);
  try {
    yield* loop.run(prompt);
  } finally {
    await loop.settle();
  }
}

class DecodingLoop {
  readonly #target: DecodingTarget;
  readonly #options: DecodingOptions;
  /** Rows of the last cycle that are history, once committed. */
  #keep = 0;
  /** Tokens consumed by the sequence, the kept ones of the last cycle included. */
  #length: number;

  constructor(target: DecodingTarget, history: number, options: DecodingOptions) {
    this.#target = target;
    this.#length = history;
    this.#options = options;
  }

  async settle(): Promise<void> {
    await this.#target.commit(this.#keep);
    this.#keep = 0;
  }

  async *run(prompt: Int32Array): AsyncGenerator<DecodingStep, void, undefined> {
    const { maxTokens, stopIds } = this.#options;
    let next = await this.#prefill(prompt);
    if (next === null) {
      yield { tokens: [], cycle: null, finish: 'abort' };
      return;
    }
    let emitted = 1;
    let finish = this.#finish([next], emitted);
    yield { tokens: [next], cycle: null, finish };
    while (finish === null) {
      if (this.#options.signal?.aborted) {
        yield { tokens: [], cycle: null, finish: 'abort' };
        return;
      }
      const begin = process.hrtime.bigint();
      const cycle = await this.#cycle(next, this.#depth(maxTokens - emitted));
      const all = [...cycle.drafts.slice(0, cycle.accepted), cycle.token];
      const stop = all.findIndex((token) => stopIds.has(token));
      const tokens = all.slice(0, Math.min(stop < 0 ? all.length : stop + 1, maxTokens - emitted));
      emitted += tokens.length;
      next = tokens.at(-1)!;
      finish = this.#finish(tokens, emitted);
      // Consumed: the token that was fed and every emitted one but the last.
      this.#keep = tokens.length;
      this.#length += tokens.length;
      const { accepted, kind, times } = cycle;
      yield {
        tokens,
        cycle: {
          drafted: cycle.drafts.length,
          accepted,
          kind,
          truncated: all.length - tokens.length,
          times,
          wall: Number(process.hrtime.bigint() - begin),
        },
        finish,
      };
    }
  }

  /**
   * Coupled texts do not depend on the depth, so no draft is made that the limit would cut off. With leviathan a
   * seeded text must not depend on the limit: the depth stays.
   */
  #depth(left: number): number {
    const { acceptance, depth } = this.#options;
    return acceptance === 'coupled' ? Math.min(depth, left - 1) : depth;
  }

  #finish(tokens: number[], emitted: number): FinishReason | null {
    if (this.#options.stopIds.has(tokens.at(-1)!)) {
      return 'stop';
    }
    return emitted >= this.#options.maxTokens ? 'length' : null;
  }

  /** Feeds the prompt and draws the first token; null after an abort. */
  async #prefill(prompt: Int32Array): Promise<number | null> {
    const chunk = this.#options.prefillChunk ?? defaultPrefillChunk;
    for (let begin = 0; ; begin += chunk) {
      if (this.#options.signal?.aborted) {
        return null;
      }
      const tokens = prompt.subarray(begin, begin + chunk);
      const last = begin + tokens.length === prompt.length;
      const result = await this.#target.cycle({
        keep: this.#keep,
        tokens,
        depth: 0,
        draft: null,
        logits: last ? 'last' : 'none',
        candidates: this.#candidates(),
        draw: last ? this.#nativeDraw(1) : null,
        edits: [],
      });
      this.#keep = tokens.length;
      this.#length += tokens.length;
      if (last) {
        return this.#drawsNatively() ? result.drawn[0]! : this.#drawTarget(this.#rows(result, 1)[0]!, this.#length);
      }
    }
  }

  /** One cycle: feed `token`, draft, verify, decide. */
  async #cycle(
    token: number,
    depth: number,
  ): Promise<{ drafts: number[]; accepted: number; token: number; kind: 'correction' | 'bonus'; times: CycleTimes }> {
    const { acceptance, key } = this.#options;
    const result = await this.#target.cycle({
      keep: this.#keep,
      tokens: Int32Array.of(token),
      depth,
      draft: depth > 0 ? this.#draftSpec(depth) : null,
      logits: 'all',
      candidates: this.#candidates(),
      draw: this.#nativeDraw(depth + 1),
      edits: [],
    });
    const drafts = takeDrafts(result);
    const times = result.times ?? noTimes;
    if (this.#drawsNatively()) {
      // The engine drew every row over the whole vocabulary with the coupled noise: compare.
      let accepted = 0;
      while (accepted < depth && result.drawn[accepted] === drafts[accepted]!.token) {
        accepted++;
      }
      const kind = accepted < depth ? 'correction' : 'bonus';
      return { drafts: drafts.map((d) => d.token), accepted, token: result.drawn[accepted]!, kind, times };
    }
    const rows = this.#rows(result, depth + 1);
    const verdict = rules[acceptance](drafts, rows, key, this.#length + 1);
    return { drafts: drafts.map((d) => d.token), ...verdict, times };
  }

  #drawsNatively(): boolean {
    const { acceptance, sampler } = this.#options;
    return acceptance === 'coupled' && sampler.topK === 0 && sampler.temperature > 0;
  }

  #nativeDraw(rows: number): DrawSpec | null {
    const { key, sampler } = this.#options;
    return this.#drawsNatively() && rows > 0
      ? { filter: sampler, noise: { kind: 'gumbel', seed: key.seed, choice: key.choice } }
      : null;
  }

  #candidates(): { temperature: number; count: number } {
    const { sampler, vocabSize } = this.#options;
    const whole = sampler.topK === 0 && !this.#drawsNatively() && sampler.temperature > 0;
    const count = whole ? vocabSize : Math.max(1, Math.min(sampler.topK, vocabSize));
    return { temperature: sampler.temperature, count };
  }

  #draftSpec(depth: number): DrawSpec {
    const { acceptance, draftSampler, key } = this.#options;
    if (draftSampler.temperature === 0) {
      return { filter: draftSampler, noise: { kind: 'none' } };
    }
    if (acceptance === 'coupled') {
      return { filter: draftSampler, noise: { kind: 'gumbel', seed: key.seed, choice: key.choice } };
    }
    const first = this.#length + 1;
    const uniforms = Float64Array.from({ length: depth }, (_, i) => uniform(key, first + i, purposes.draft));
    return { filter: draftSampler, noise: { kind: 'uniform', uniforms } };
  }

  #rows(result: CycleResult, count: number): Distribution[] {
    const { count: width } = this.#candidates();
    return Array.from({ length: count }, (_, r) =>
      distribution(
        {
          ids: result.ids.subarray(r * width, (r + 1) * width),
          logits: result.logits.subarray(r * width, (r + 1) * width),
          logSum: result.logSums[2 * r + 1]!,
        },
        this.#options.sampler,
      ),
    );
  }

  #drawTarget(row: Distribution, position: number): number {
    const { acceptance, key } = this.#options;
    return acceptance === 'coupled'
      ? drawGumbel(row, key, position)
      : drawUniform(row, uniform(key, position, purposes.target));
  }
}

function takeDrafts(result: CycleResult): Draft[] {
  let at = 0;
  return Array.from(result.draftTokens, (token, i) => {
    const count = result.draftCounts[i]!;
    const q = {
      ids: result.draftIds.subarray(at, at + count),
      probabilities: result.draftProbabilities.subarray(at, at + count),
    };
    at += count;
    return { token, q };
  });
}
