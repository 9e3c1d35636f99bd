import { type Candidates, type Distribution, drawUniform } from '../../../runtime/decoding/distribution.ts';
import type { DecodingTarget } from '../../../runtime/decoding/cycle.ts';
import type { CycleResult } from '../../../runtime/engine/types.ts';
import type { Entry } from '../engine.ts';
import { type Capture, depth, sampler, type TargetRow } from './capture.ts';

const certain: Distribution = { ids: Int32Array.of(0), probabilities: Float64Array.of(1) };
const times = { commit: 0, draft: 0, verify: 0, candidates: 0, total: 0 };
/** A row beyond the two tokens that are looked at. */
const beyond: TargetRow = {
  ids: Int32Array.from({ length: sampler.topK }, (_, i) => i),
  logits: Float32Array.from({ length: sampler.topK }, (_, i) => (i === 0 ? 0 : -Infinity)),
  logSums: [0, 0],
  p: certain,
};

/** What a mutation puts in the place of what the engine reports. */
export interface Reports {
  /** The reported q of a draft drawn from `drawn`. */
  q?: (drawn: Distribution, logits: Float32Array) => Distribution;
  /** Candidates of a row. */
  candidates?: (candidates: Candidates, temperature: number) => Candidates;
  /** The row that stands for row r of `rows`. */
  row?: (r: number, rows: number) => number;
}

/**
 * An engine sequence that answers from a capture: the loop runs on it as on the engine, some hundred times as fast.
 * The prompt's row gives the capture's first token for sure; then come its cycles, up to the second token after it.
 */
export class CachedTarget implements DecodingTarget {
  readonly #capture: Capture;
  readonly #reports: Reports;
  #calls = 0;

  constructor(from: Capture, reports: Reports = {}) {
    this.#capture = from;
    this.#reports = reports;
  }

  async commit(): Promise<void> {
    // Nothing follows.
  }

  async cycle(entry: Entry): Promise<CycleResult> {
    this.#calls++;
    if (this.#calls === 1) return resultOf([certainRow(this.#capture.first)], [], entry, {});
    const place = this.#calls === 2 ? this.#capture : this.#capture.emitted.get(entry.tokens[0]!);
    const uniforms = entry.draft!.noise.kind === 'uniform' ? entry.draft!.noise.uniforms : new Float64Array(depth);
    const drafts: Drafted[] = [];
    const targets = [place?.p ?? beyond];
    const follow = (row: { q: Distribution; logits: Float32Array | null } | undefined, i: number): number => {
      const q = row?.q ?? certain;
      const token = drawUniform(q, uniforms[i]!);
      drafts.push({ token, q: row?.logits ? (this.#reports.q?.(q, row.logits) ?? q) : q });
      return token;
    };
    const first = follow(place?.q, 0);
    const after = this.#calls === 2 ? this.#capture.drafted.get(first) : undefined;
    follow(after?.q, 1);
    targets.push(after?.p ?? beyond, beyond);
    return resultOf(targets, drafts, entry, this.#reports);
  }
}

interface Drafted {
  token: number;
  q: Distribution;
}

function certainRow(token: number): TargetRow {
  return { ...beyond, ids: Int32Array.from({ length: sampler.topK }, (_, i) => (i === 0 ? token : -1)) };
}

function resultOf(targets: TargetRow[], drafts: Drafted[], entry: Entry, reports: Reports): CycleResult {
  const { temperature, count } = entry.candidates;
  const rows = targets.map((_, r): Candidates => {
    const { ids, logits, logSums } = targets[reports.row?.(r, targets.length) ?? r]!;
    const exact = { ids, logits, logSum: temperature === 1 ? logSums[0] : logSums[1] };
    return reports.candidates?.(exact, temperature) ?? exact;
  });
  const ids = new Int32Array(rows.length * count);
  const logits = new Float32Array(rows.length * count);
  rows.forEach((row, r) => {
    ids.set(row.ids.subarray(0, count), r * count);
    logits.set(row.logits.subarray(0, count), r * count);
  });
  return {
    draftTokens: Int32Array.from(drafts, ({ token }) => token),
    draftCounts: Int32Array.from(drafts, ({ q }) => q.ids.length),
    draftIds: Int32Array.from(drafts.flatMap(({ q }) => [...q.ids])),
    draftProbabilities: Float64Array.from(drafts.flatMap(({ q }) => [...q.probabilities])),
    ids,
    logits,
    logSums: Float64Array.from(rows.flatMap(({ logSum }) => [logSum, logSum])),
    drawn: new Int32Array(),
    times,
  };
}
