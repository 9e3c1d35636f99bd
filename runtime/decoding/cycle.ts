import type { CycleResult, CycleTimes } from '../engine/types.ts';
import { coupled } from './acceptance/coupled.ts';
import { leviathan } from './acceptance/leviathan.ts';
import type { AcceptanceName, AcceptanceRule, Verdict } from './acceptance/rule.ts';
import { cutAtEnd } from './ending.ts';
import type { DecodingOptions, DecodingStep, DecodingTarget } from './options.ts';
import { type Uniforms, uniformsOf } from './random.ts';
import { cycleEntry, prefillEntry } from './request.ts';
import { decide } from './verdict.ts';

export type {
  CycleRecord,
  DecodingOptions,
  DecodingStep,
  DecodingTarget,
  DepthChange,
  DepthPolicy,
  FinishReason,
} from './options.ts';

const rules: Record<AcceptanceName, AcceptanceRule> = { leviathan, coupled };
// 512 rows take 59 MiB more and are no faster (reports/LOG.md).
const defaultPrefillChunk = 128;

/** What decides: a rule, and the numbers that it decides with. */
export interface Decider {
  rule: AcceptanceRule;
  uniforms: Uniforms;
}

/**
 * Decodes after `prompt` on a sequence of length `history` that has nothing pending. When the loop ends, by itself,
 * by `return` or by an error, the sequence holds the prompt and every emitted token but the last: that one is known
 * and not consumed yet. (An abort or an error in the prefill leaves the chunks that were fed.)
 * @throws RangeError for an empty prompt or a limit below 1; what the target rejects with.
 */
export function decode(
  target: DecodingTarget,
  prompt: Int32Array,
  history: number,
  options: DecodingOptions,
): AsyncGenerator<DecodingStep, void, undefined> {
  return decodeWith(target, prompt, history, options, {
    rule: rules[options.acceptance],
    uniforms: uniformsOf(options.key),
  });
}

/** `decode` with a decider of the caller's, for experiments and for proofs over all values of the numbers. */
export function decodeWith(
  target: DecodingTarget,
  prompt: Int32Array,
  history: number,
  options: DecodingOptions,
  decider: Decider,
): AsyncGenerator<DecodingStep, void, undefined> {
  return new DecodingLoop(target, history, options, decider).run(prompt);
}

class DecodingLoop {
  readonly #target: DecodingTarget;
  readonly #options: DecodingOptions;
  readonly #decider: Decider;
  /** Rows of the last native call that are history, once committed. */
  #keep = 0;
  /** Tokens consumed by the sequence, the kept ones of the last call included. */
  #length: number;
  #settled = false;

  constructor(target: DecodingTarget, history: number, options: DecodingOptions, decider: Decider) {
    this.#target = target;
    this.#length = history;
    this.#options = options;
    this.#decider = decider;
  }

  /** One generator for all of it: one that delegates to another costs every step more turns of the microtask queue. */
  async *run(prompt: Int32Array): AsyncGenerator<DecodingStep, void, undefined> {
    const { maxTokens, signal, depthPolicy } = this.#options;
    if (prompt.length === 0 || maxTokens < 1) {
      throw new RangeError('Decoding needs a prompt and a limit of at least one token.');
    }
    const aborted: DecodingStep = { tokens: [], cycle: null, finish: 'abort' };
    try {
      const first = await this.#prefill(prompt);
      if (first === null) {
        yield aborted;
        return;
      }
      let { tokens, finish } = cutAtEnd([first], maxTokens, this.#options);
      let emitted = 1;
      yield { tokens, cycle: null, finish };
      while (finish === null) {
        if (signal?.aborted) {
          yield aborted;
          return;
        }
        const begin = process.hrtime.bigint();
        const { drafts, accepted, token, kind, times } = await this.#cycle(tokens.at(-1)!, maxTokens - emitted);
        const run: number[] = [];
        for (let i = 0; i < accepted; i++) run.push(drafts[i]!);
        run.push(token);
        ({ tokens, finish } = cutAtEnd(run, maxTokens - emitted, this.#options));
        emitted += tokens.length;
        // Consumed: the token that was fed and every emitted one but the last.
        this.#consume(tokens.length);
        const wall = Number(process.hrtime.bigint() - begin);
        const truncated = run.length - tokens.length;
        const cycle = { drafted: drafts.length, accepted, kind, truncated, times, wall };
        depthPolicy?.observe(cycle);
        yield { tokens, cycle, finish };
      }
    } catch (error) {
      // The first error is the one that counts: a sequence that it has lost refuses the commit.
      await this.#settle().catch(() => undefined);
      throw error;
    } finally {
      await this.#settle();
    }
  }

  /** Commits what was kept last, once. */
  async #settle(): Promise<void> {
    if (!this.#settled) {
      this.#settled = true;
      await this.#target.commit(this.#keep);
    }
  }

  /** Feeds the prompt and draws the first token; null after an abort. */
  async #prefill(prompt: Int32Array): Promise<number | null> {
    const { prefillChunk = defaultPrefillChunk, signal } = this.#options;
    for (let begin = 0; ; begin += prefillChunk) {
      if (signal?.aborted) {
        return null;
      }
      const tokens = prompt.subarray(begin, begin + prefillChunk);
      const last = begin + tokens.length === prompt.length;
      const position = this.#length + tokens.length;
      const result = await this.#call(prefillEntry(this.#options, this.#decider.uniforms, { tokens, last, position }));
      this.#length += tokens.length;
      if (last) {
        return decide(result, this.#options, this.#decider, position).token;
      }
    }
  }

  /** One cycle: feed `token`, draft, verify, decide. `left` are the tokens that the limit still allows. */
  async #cycle(token: number, left: number): Promise<Verdict & { drafts: Int32Array; times: CycleTimes }> {
    const depth = this.#depth(left);
    const position = this.#length + 1;
    const cycle = { keep: this.#keep, token, depth, position };
    const result = await this.#call(cycleEntry(this.#options, this.#decider.uniforms, cycle));
    const verdict = decide(result, this.#options, this.#decider, position);
    return { ...verdict, drafts: result.draftTokens, times: result.times };
  }

  /** A native call commits what the last one left; of its own rows only a prompt's are history before they are decided. */
  async #call(entry: Parameters<DecodingTarget['cycle']>[0]): Promise<CycleResult> {
    const result = await this.#target.cycle(entry);
    this.#keep = 0;
    this.#options.onResult?.(result);
    return result;
  }

  #consume(rows: number): void {
    this.#keep = rows;
    this.#length += rows;
  }

  /**
   * Coupled texts do not depend on the depth, so no draft is made that the limit would cut off. With leviathan a
   * seeded text must not depend on the limit: the depth stays. (Under a policy it depends on what was measured anyway.)
   */
  #depth(left: number): number {
    const { acceptance, depth, depthPolicy } = this.#options;
    const free = acceptance === 'coupled' || depthPolicy !== undefined;
    const wanted = depthPolicy?.depth ?? depth;
    return free ? Math.min(wanted, left - 1) : wanted;
  }
}
