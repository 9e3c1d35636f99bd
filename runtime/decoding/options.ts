import type { CycleEntry, CycleResult, CycleTimes, Filter, RowEdits } from '../engine/types.ts';
import type { AcceptanceName } from './acceptance/rule.ts';
import type { DepthReason } from './depth/controller.ts';
import type { RandomKey } from './random.ts';

/** What decoding needs of an engine sequence; runtime/engine's EngineSequence is one. */
export interface DecodingTarget {
  cycle(entry: Omit<CycleEntry, 'sequence'>): Promise<CycleResult>;
  commit(keep: number): Promise<void>;
}

export interface DecodingOptions {
  /** Filters of the target's distribution. */
  sampler: Filter;
  /** Filters of the drafts; the acceptance rule makes up for any difference. Not used at target temperature 0: then drafts are argmax too. */
  draftSampler: Filter;
  acceptance: AcceptanceName;
  key: RandomKey;
  /** Drafts a cycle, 0 … 8; 0 is plain decoding. */
  depth: number;
  /** Chooses the drafts of each cycle in place of `depth`. A coupled text does not depend on what it chooses. */
  depthPolicy?: DepthPolicy | undefined;
  /** New tokens at most, at least 1. */
  maxTokens: number;
  /** A token of these ends the text; it is emitted. */
  stopIds: ReadonlySet<number>;
  /** Asked about every token in its order, once, before it is emitted; true ends the text with it. For stop strings. */
  stopAfter?: ((token: number) => boolean) | undefined;
  /** Edits of every target row before any cut (a bias, a mask). Drafts are not edited: the acceptance rule makes up for it. */
  edits?: RowEdits | undefined;
  vocabSize: number;
  /** Prompt tokens a prefill cycle. */
  prefillChunk?: number;
  /** Sees every result of the engine, for experiments; called inside the cycle, so it should only keep the reference. */
  onResult?: ((result: CycleResult) => void) | undefined;
  /** Ends the text before the next native call; the one in flight is finished first. */
  signal?: AbortSignal | undefined;
}

/** Chooses the depth cycle by cycle; depth/policy.ts has the one that is used. */
export interface DepthPolicy {
  /** Whether it may ever draft: the sequence then has to keep state for the MTP head. */
  readonly drafts: boolean;
  /** Drafts of the next cycle, 0 … 8. */
  readonly depth: number;
  observe(cycle: CycleRecord): void;
  /** Changes so far, the oldest first. */
  readonly changes: readonly DepthChange[];
}

/** A change of depth in one generation. */
export interface DepthChange {
  /** Cycle (from 1) that first ran at the new depth. */
  cycle: number;
  from: number;
  to: number;
  reason: DepthReason;
  /** Expected tokens a second before and after, as they were estimated then. */
  expected: [from: number, to: number];
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
