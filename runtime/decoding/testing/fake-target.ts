import type { CycleEntry, CycleResult, Filter, Noise, RowEdits } from '../../engine/types.ts';
import { type Candidates, type Distribution, distribution, drawGumbel, drawUniform } from '../distribution.ts';
import type { DecodingTarget } from '../options.ts';
import { uniformsOf } from '../random.ts';
import { logSumExp, ranked, rowOf, type ToyModel } from './toy-model.ts';

export type Entry = Omit<CycleEntry, 'sequence'>;

/** Ways in which an engine may be wrong or fail; without them it is exact. */
export interface Faults {
  /** The q that is reported, in place of the one that was drawn from. */
  reports?: (logits: Float32Array, filter: Filter) => Distribution;
  /** The logits row that stands for row `r` of `rows`. */
  row?: (r: number, rows: number) => number;
  /** Candidates as they are reported, in place of the true ones. */
  candidates?: (candidates: Candidates, temperature: number) => Candidates;
  /** Called at the beginning of native call number n; what it throws loses the sequence. */
  before?: (n: number) => void | Promise<void>;
}

/**
 * An engine sequence over a toy model: keeps `history`, refuses what the real engine refuses, and draws as the real
 * one does.
 */
export class FakeTarget implements DecodingTarget {
  readonly history: number[];
  /** Entries of all calls. */
  readonly calls: Entry[] = [];
  readonly #model: ToyModel;
  readonly #faults: Faults;
  #pending: number[] = [];
  #lost = false;
  #busy = false;

  constructor(model: ToyModel, history: readonly number[] = [], faults: Faults = {}) {
    this.#model = model;
    this.history = [...history];
    this.#faults = faults;
  }

  async commit(keep: number): Promise<void> {
    this.#usable();
    this.#commit(keep);
  }

  async cycle(entry: Entry): Promise<CycleResult> {
    this.#usable();
    this.#check(entry);
    const n = this.calls.push(entry) - 1;
    this.#busy = true;
    try {
      await this.#faults.before?.(n);
    } catch (error) {
      this.#lost = true;
      throw error;
    } finally {
      this.#busy = false;
    }
    this.#commit(entry.keep);
    const drafts = this.#draft(entry);
    this.#pending = [...entry.tokens, ...drafts.tokens];
    const rows = this.#rows(entry);
    if (entry.commits) this.#commit(this.#pending.length);
    return {
      ...drafts.result,
      ...rows,
      times: { commit: 1, draft: 2, verify: 3, candidates: 4, total: 10 },
    };
  }

  #usable(): void {
    refuse(this.#lost, 'The sequence is lost.');
    refuse(this.#busy, 'A call is in flight.');
  }

  #check({ keep, tokens, depth, commits, draft, logits, candidates, draw, edits }: Entry): void {
    const { vocabSize } = this.#model;
    const rows = logits === 'none' ? 0 : logits === 'last' ? 1 : tokens.length + depth;
    const numbers = (noise: Noise | undefined, count: number) =>
      refuse(noise?.kind === 'uniform' && noise.uniforms.length !== count, 'A draw needs one number each.');
    refuse(keep > this.#pending.length || keep < 0, `Cannot keep ${keep} of ${this.#pending.length} rows.`);
    refuse(tokens.length === 0, 'No token.');
    refuse(
      tokens.some((token) => !(token >= 0 && token < vocabSize)),
      'A token outside the vocabulary.',
    );
    refuse(!(depth >= 0 && depth <= 8), `Depth ${depth}.`);
    refuse(
      depth > 0 && (tokens.length !== 1 || this.history.length + keep === 0),
      'Drafts need one token and history.',
    );
    refuse(depth > 0 && commits, 'Drafts are not committed unseen.');
    refuse(depth > 0 !== (draft !== null), 'Drafts need a sampler.');
    refuse(rows > 0 && !(candidates.count >= 1 && candidates.count <= vocabSize), `${candidates.count} candidates.`);
    refuse(edits.length > 0 && edits.length !== rows, 'Edits need one entry a row.');
    for (const spec of [draft, draw])
      refuse(spec !== null && spec.filter.temperature > 0 && spec.noise.kind === 'none', 'A draw needs noise.');
    numbers(draft?.noise, depth);
    numbers(draw?.noise, rows);
  }

  #commit(keep: number): void {
    refuse(keep > this.#pending.length || keep < 0, `Cannot keep ${keep} of ${this.#pending.length} rows.`);
    this.history.push(...this.#pending.slice(0, keep));
    this.#pending = [];
  }

  #draft({ tokens, depth, draft }: Entry): { tokens: number[]; result: DraftResult } {
    const drawn: number[] = [];
    const reported: Distribution[] = [];
    for (let i = 0; i < depth; i++) {
      const context = [...this.history, ...tokens, ...drawn];
      const logits = this.#model.draft[rowOf(context, this.#model)]!;
      const { filter, noise } = draft!;
      const q = filtered(logits, filter);
      drawn.push(drawFrom(q, noise, i, context.length));
      reported.push(this.#faults.reports?.(logits, filter) ?? q);
    }
    const result = {
      draftTokens: Int32Array.from(drawn),
      draftCounts: Int32Array.from(reported, ({ ids }) => ids.length),
      draftIds: Int32Array.from(reported.flatMap(({ ids }) => [...ids])),
      draftProbabilities: Float64Array.from(reported.flatMap(({ probabilities }) => [...probabilities])),
    };
    return { tokens: drawn, result };
  }

  #rows({ tokens, logits, candidates: wanted, draw, edits }: Entry): RowResult {
    const all = this.#pending.length;
    const first = logits === 'none' ? all : logits === 'last' ? tokens.length - 1 : 0;
    const result = { ids: [] as number[], logits: [] as number[], logSums: [] as number[], drawn: [] as number[] };
    for (let r = first; r < all; r++) {
      const fed = this.#faults.row?.(r, all) ?? r;
      const context = [...this.history, ...this.#pending.slice(0, fed + 1)];
      const raw = this.#model.target[rowOf(context, this.#model)]!;
      const row = edited(raw, edits[r - first]);
      const exact = candidatesOf(row, wanted.temperature, wanted.count);
      const { ids, logits: values, logSum } = this.#faults.candidates?.(exact, wanted.temperature) ?? exact;
      result.ids.push(...ids);
      result.logits.push(...values);
      result.logSums.push(logSumExp(row, 1), logSum);
      if (draw) {
        const position = this.history.length + r + 1;
        result.drawn.push(drawFrom(filtered(row, draw.filter), draw.noise, r - first, position));
      }
    }
    return {
      ids: Int32Array.from(result.ids),
      logits: Float32Array.from(result.logits),
      logSums: Float64Array.from(result.logSums),
      drawn: Int32Array.from(result.drawn),
    };
  }
}

type DraftResult = Pick<CycleResult, 'draftTokens' | 'draftCounts' | 'draftIds' | 'draftProbabilities'>;
type RowResult = Pick<CycleResult, 'ids' | 'logits' | 'logSums' | 'drawn'>;

function refuse(when: boolean | undefined, message: string): void {
  if (when) throw new Error(`[fake engine] ${message}`);
}

/** The `count` best of a row as the engine reports them: -1 and -inf beyond the last. */
export function candidatesOf(row: Float32Array, temperature: number, count: number): Candidates {
  const ids = ranked(row);
  return {
    ids: Int32Array.from({ length: count }, (_, i) => ids[i] ?? -1),
    logits: Float32Array.from({ length: count }, (_, i) => (i < ids.length ? row[ids[i]!]! : -Infinity)),
    logSum: logSumExp(row, temperature),
  };
}

/** distribution() with all candidates of the row. */
export function filtered(row: Float32Array, filter: Filter): Distribution {
  return distribution(candidatesOf(row, filter.temperature, row.length), filter);
}

function drawFrom(row: Distribution, noise: Noise, index: number, position: number): number {
  if (noise.kind === 'none') return row.ids[0]!;
  return noise.kind === 'uniform'
    ? drawUniform(row, noise.uniforms[index]!)
    : drawGumbel(row, position, uniformsOf({ seed: noise.seed, choice: noise.choice }));
}

function edited(row: Float32Array, edits: RowEdits | undefined): Float32Array {
  if (edits === undefined) return row;
  const out = row.slice();
  edits.ids.forEach((id, i) => (out[id] = Math.fround(Math.fround(out[id]! * edits.multiply[i]!) + edits.add[i]!)));
  if (edits.mask.length > 0) out.forEach((_, id) => (edits.mask[id >> 5]! >>> (id & 31)) & 1 || (out[id] = -Infinity));
  return out;
}
