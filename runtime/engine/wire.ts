import type { CycleEntry, CycleResult, DrawSpec, RowEdits } from '../../native/types.ts';
import { MtplxError } from '../errors.ts';

/**
 * The numbers in which cycles cross to the engine and back. One array a call instead of objects: reading and making
 * properties through Node-API cost 100 µs a cycle, this a tenth of it. The twin of native/src/wire.cpp.
 *
 * Request, all float64: counts before what they count, choices by their index in `logitRows`, noise as
 * 0 (no draw), 1 none, 2 uniform, 3 gumbel; a seed as its low and its high 32 bits.
 * Result: ten float64 (the numbers of drafts, draft ids, candidates, log-sums, native draws; the five times), then the
 * float64 sections, then the 32-bit ones, in the order of `decodeResult`.
 */

type Candidates = Pick<CycleResult, 'ids' | 'logits' | 'logSums' | 'drawn'>;

const logitRows: readonly CycleEntry['logits'][] = ['none', 'last', 'all'];
const headNumbers = 10;
const low32 = 0xffffffffn;

/** A batch of `cycle`: entry i belongs to sequence i. @throws MtplxError MTPLX_E_ENGINE_USAGE for edits of uneven lengths */
export function encodeBatch(
  sequences: readonly number[],
  entries: readonly Omit<CycleEntry, 'sequence'>[],
): Float64Array {
  const out = [entries.length];
  for (const [i, { keep, depth, logits, candidates, tokens, draft, draw, edits }] of entries.entries()) {
    out.push(sequences[i]!, keep, depth, logitRows.indexOf(logits), candidates.temperature, candidates.count);
    out.push(tokens.length);
    for (const token of tokens) out.push(token);
    pushDraw(out, draft);
    pushDraw(out, draw);
    pushEdits(out, edits);
  }
  return new Float64Array(out);
}

/** The arguments of `candidates`. @throws MtplxError MTPLX_E_ENGINE_USAGE for edits of uneven lengths */
export function encodeCandidates(
  sequence: number,
  edits: readonly RowEdits[],
  { temperature, count }: CycleEntry['candidates'],
  draw: DrawSpec | null,
): Float64Array {
  const out = [sequence, temperature, count];
  pushDraw(out, draw);
  pushEdits(out, edits);
  return new Float64Array(out);
}

/** What `cycle` resolves to, as views of the buffer. */
export function decodeResult(buffer: ArrayBuffer): CycleResult {
  const head = new Float64Array(buffer, 0, headNumbers);
  const [drafts, draftIds, candidates, logSums, drawn] = head as unknown as [number, number, number, number, number];
  let at = headNumbers * 8;
  const take = <View>(
    make: new (buffer: ArrayBuffer, at: number, count: number) => View,
    count: number,
    size: number,
  ) => {
    const view = new make(buffer, at, count);
    at += count * size;
    return view;
  };
  const draftProbabilities = take(Float64Array, draftIds, 8);
  const sums = take(Float64Array, logSums, 8);
  return {
    draftTokens: take(Int32Array, drafts, 4),
    draftCounts: take(Int32Array, drafts, 4),
    draftIds: take(Int32Array, draftIds, 4),
    draftProbabilities,
    ids: take(Int32Array, candidates, 4),
    drawn: take(Int32Array, drawn, 4),
    logits: take(Float32Array, candidates, 4),
    logSums: sums,
    times: { commit: head[5]!, draft: head[6]!, verify: head[7]!, candidates: head[8]!, total: head[9]! },
  };
}

/** What `candidates` resolves to. */
export function decodeCandidates(buffer: ArrayBuffer): Candidates {
  const { ids, logits, logSums, drawn } = decodeResult(buffer);
  return { ids, logits, logSums, drawn };
}

function pushDraw(out: number[], draw: DrawSpec | null): void {
  if (draw === null) {
    out.push(0);
    return;
  }
  const { filter, noise } = draw;
  const kind = { none: 1, uniform: 2, gumbel: 3 }[noise.kind];
  out.push(kind, filter.temperature, filter.topP, filter.topK);
  if (noise.kind === 'uniform') {
    out.push(noise.uniforms.length);
    for (const u of noise.uniforms) out.push(u);
  } else if (noise.kind === 'gumbel') {
    out.push(Number(noise.seed & low32), Number((noise.seed >> 32n) & low32), noise.choice);
  }
}

function pushEdits(out: number[], edits: readonly RowEdits[]): void {
  out.push(edits.length);
  for (const { ids, multiply, add, mask } of edits) {
    if (multiply.length !== ids.length || add.length !== ids.length)
      throw new MtplxError('MTPLX_E_ENGINE_USAGE', { problem: 'edits need as many factors and summands as ids' });
    out.push(ids.length);
    ids.forEach((id, i) => out.push(id, multiply[i]!, add[i]!));
    out.push(mask.length);
    for (const word of mask) out.push(word);
  }
}
