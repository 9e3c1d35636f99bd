import type { Distribution } from '../../../runtime/decoding/distribution.ts';
import type { CycleResult, DrawSpec, Filter } from '../../../runtime/engine/types.ts';
import type { GateSequence } from '../engine.ts';
import type { GateContext } from '../gate.ts';
import { silent } from '../sequences.ts';
import { targetDistribution } from './oracle.ts';

/** Draft and target have two temperatures, so that q is not p's form. */
export const sampler: Filter = { temperature: 0.6, topP: 0.95, topK: 20 };
export const draftSampler: Filter = { ...sampler, temperature: 0.7 };
/** Drafts a cycle; what is tested are the first two tokens that it decides. */
export const depth = 2;

/** A target row as the engine reports it, and its distribution by the formula, in float64 from the whole row. */
export interface TargetRow {
  ids: Int32Array;
  logits: Float32Array;
  /** Log-sum-exp at T = 1 and at the sampler's temperature. */
  logSums: [atOne: number, atTemperature: number];
  p: Distribution;
}

/** What a draft is drawn from, and ln q over the whole vocabulary at T = 1 (null where nobody asks for it). */
export interface DraftRow {
  q: Distribution;
  logits: Float32Array | null;
}

/** Everything that decides the two tokens after a place in the text, taken from the engine once. */
export interface Capture {
  /** Tokens of the history; then `prompt` is fed, and `first` is the token that a cycle begins with. */
  length: number;
  prompt: number;
  first: number;
  p: TargetRow;
  q: DraftRow;
  /** After each first draft: the second target row and the second draft of the same cycle. */
  drafted: Map<number, { p: TargetRow; q: DraftRow }>;
  /** After each first token: the first row and the first draft of the next cycle. */
  emitted: Map<number, { p: TargetRow; q: DraftRow }>;
  /** A fixed pair of drafts with all its rows. */
  prefix: { tokens: number[]; q: DraftRow[]; p: TargetRow[] };
}

/** A number of the middle of `token`'s interval: the draw gives it. */
export function numberOf({ ids, probabilities }: Distribution, token: number): number {
  const at = ids.indexOf(token);
  return probabilities.subarray(0, at).reduce((a, b) => a + b, 0) + probabilities[at]! / 2;
}

/**
 * Takes p and q from a sequence whose history are the first `length` + 1 tokens of the text, and disposes of it.
 * `whole`: the drafts' logits too, for mutations of q.
 */
export async function capture(
  { tokens: text }: Pick<GateContext, 'tokens'>,
  base: GateSequence,
  length: number,
  whole: boolean,
): Promise<Capture> {
  const [prompt, first] = [text[length]!, text[length + 1]!];
  const at = async (sequence: GateSequence, token: number, drafts: number[], count: number) =>
    rowsAt(sequence, token, drafts, count, whole);

  const root = await at(base, first, [], 1);
  const [q, p] = [root.drafts[0]!, root.targets[0]!];
  const drafted: Capture['drafted'] = new Map();
  for (const draft of q.q.ids) {
    const { targets, drafts } = await at(base, first, [numberOf(q.q, draft)], depth);
    drafted.set(draft, { p: targets[1]!, q: drafts[1]! });
  }
  // The rejection must be likely, and the acceptance too.
  const likely = mostBalanced(p.p, q.q);
  const second = drafted.get(likely)!.q.q;
  const tokens = [likely, mostBalanced(drafted.get(likely)!.p.p, second)];
  const fixed = await at(base, first, [numberOf(q.q, tokens[0]!), numberOf(second, tokens[1]!)], depth);

  await base.cycle({ ...silent, keep: 0, tokens: Int32Array.of(first) });
  await base.commit(1);
  const emitted: Capture['emitted'] = new Map();
  for (const token of p.p.ids) {
    const { targets, drafts } = await at(base, token, [], 1);
    emitted.set(token, { p: targets[0]!, q: drafts[0]! });
  }
  await base.dispose();
  return { length, prompt, first, p, q, drafted, emitted, prefix: { tokens, q: fixed.drafts, p: fixed.targets } };
}

/** The token of q whose acceptance is nearest to one half, among those that are drafted at all often. */
function mostBalanced(p: Distribution, q: Distribution): number {
  const distance = (i: number): number => {
    const at = p.ids.indexOf(q.ids[i]!);
    return Math.abs(Math.min(1, (at < 0 ? 0 : p.probabilities[at]!) / q.probabilities[i]!) - 0.5);
  };
  return q.ids[q.ids.reduce((best, _, i) => (distance(i) < distance(best) ? i : best), 0)]!;
}

/** Rows of a cycle on `token` whose first drafts are forced by `numbers`; nothing is kept. */
async function rowsAt(
  sequence: GateSequence,
  token: number,
  numbers: number[],
  count: number,
  whole: boolean,
): Promise<{ targets: TargetRow[]; drafts: DraftRow[] }> {
  const cycle = (filter: Filter, uniforms: number[]): Promise<CycleResult> => {
    const draft: DrawSpec = { filter, noise: { kind: 'uniform', uniforms: Float64Array.from(uniforms) } };
    const candidates = { temperature: sampler.temperature, count: sampler.topK };
    const tokens = Int32Array.of(token);
    return sequence.cycle({ ...silent, keep: 0, tokens, depth: count, draft, logits: 'all', candidates });
  };
  const result = await cycle(
    draftSampler,
    Array.from({ length: count }, (_, i) => numbers[i] ?? 0.5),
  );
  const rows = await sequence.rows('logits');
  const width = rows.length / (count + 1);
  const targets = Array.from({ length: count + 1 }, (_, r): TargetRow => {
    const part = <T extends Int32Array | Float32Array>(all: T) =>
      all.slice(r * sampler.topK, (r + 1) * sampler.topK) as T;
    return {
      ids: part(result.ids),
      logits: part(result.logits),
      logSums: [result.logSums[2 * r]!, result.logSums[2 * r + 1]!],
      p: targetDistribution(rows.subarray(r * width, (r + 1) * width), sampler),
    };
  });
  const drafts = split(result).map((q): DraftRow => ({ q, logits: null }));
  if (whole) await addLogits(drafts, [...result.draftTokens], width, (uniforms) => cycle(everything, uniforms));
  return { targets, drafts };
}

const everything: Filter = { temperature: 1, topP: 1, topK: 0 };

/** ln q over the vocabulary, of cycles whose drafts are the same: each draft is forced in turn. */
async function addLogits(
  drafts: DraftRow[],
  tokens: number[],
  vocabSize: number,
  cycle: (uniforms: number[]) => Promise<CycleResult>,
): Promise<void> {
  const uniforms = drafts.map(() => 0.5);
  for (const [i, row] of drafts.entries()) {
    const q = split(await cycle(uniforms))[i]!;
    row.logits = new Float32Array(vocabSize).fill(-Infinity);
    q.ids.forEach((id, at) => (row.logits![id] = Math.log(q.probabilities[at]!)));
    uniforms[i] = numberOf(q, tokens[i]!);
  }
}

function split({ draftCounts, draftIds, draftProbabilities }: CycleResult): Distribution[] {
  let at = 0;
  return Array.from(draftCounts, (count) => {
    const range = [at, (at += count)] as const;
    return { ids: draftIds.slice(...range), probabilities: draftProbabilities.slice(...range) };
  });
}
