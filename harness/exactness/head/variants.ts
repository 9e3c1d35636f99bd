import type { EngineModel } from '../../../runtime/engine/engine.ts';
import { trunkRows } from '../goldens.ts';
import type { GateContext } from '../gate.ts';
import { draftOf, overlap, rowAt, targetOf } from './overlap.ts';
import { finalNorm, loadSwappedHead } from './swapped.ts';

/** Ways to wire the head; all but the first are wrong. */
export const wirings = ['right', 'swapped concat', 'pre-norm hidden', 'cold cache'] as const;
export type Wiring = (typeof wirings)[number];

/** Positions at the beginning of a window, where every cache is cold. */
export const warmRows = 16;
/** A cold cache sees this many rows at most. */
const coldRows = 8;
/** Positions whose mean is one observation: neighbours are not independent. */
const blockRows = 16;

/** Positions that a window of the text compares; logits of a large vocabulary must fit. */
export function windowRows(vocabSize: number): number {
  return Math.max(64, Math.min(496, Math.floor(2 ** 25 / vocabSize / blockRows) * blockRows));
}

/** Mean overlap of blocks of positions, for each wiring, over a window of the text from `begin` on. */
export async function wiringBlocks(
  context: GateContext,
  begin: number,
  rows: number,
): Promise<Record<Wiring, number[]>> {
  const { model, tokens: text } = context;
  const { vocabSize, hiddenSize } = model.request.spec;
  // Row i of the head reads hidden row i and token i + 1, and drafts token i + 2, which trunk row i + 1 predicts.
  const tokens = text.slice(begin, begin + warmRows + rows + 1);
  const { logits, hidden } = await trunkRows(model, tokens);
  const count = warmRows + rows;
  const given = hidden.subarray(0, count * hiddenSize);
  const next = tokens.subarray(1);
  const targets = Array.from({ length: rows }, (_, i) => targetOf(rowAt(logits, warmRows + i + 1, vocabSize)));
  const overlaps = (drafted: Float32Array): number[] =>
    targets.map((p, i) => overlap(p, draftOf(rowAt(drafted, warmRows + i, vocabSize))));

  const norm = await finalNorm(model, context.folder);
  const preNorm = given.map((value, i) => value / norm[i % hiddenSize]!);
  await using swapped = await loadSwappedHead(model, context.folder);
  return {
    right: blocks(overlaps((await model.mtpForward(given, next)).logits)),
    'swapped concat': blocks(overlaps((await swapped.mtpForward(given, next)).logits)),
    'pre-norm hidden': blocks(overlaps((await model.mtpForward(preNorm, next)).logits)),
    'cold cache': blocks(overlaps(await coldLogits(model, given, next))),
  };
}

/** The head over pieces of the text, each without what came before it. */
async function coldLogits(model: EngineModel, hidden: Float32Array, next: Int32Array): Promise<Float32Array> {
  const { vocabSize, hiddenSize } = model.request.spec;
  const all = new Float32Array(next.length * vocabSize);
  for (let i = 0; i < next.length; i += coldRows) {
    const end = Math.min(next.length, i + coldRows);
    const { logits } = await model.mtpForward(hidden.slice(i * hiddenSize, end * hiddenSize), next.slice(i, end));
    all.set(logits, i * vocabSize);
  }
  return all;
}

function blocks(values: number[]): number[] {
  return Array.from({ length: Math.floor(values.length / blockRows) }, (_, b) => {
    const block = values.slice(b * blockRows, (b + 1) * blockRows);
    return block.reduce((a, c) => a + c, 0) / blockRows;
  });
}

/** Mean of paired differences with a 99.9 % interval by Student's t of many blocks (3.4 standard errors). */
export function pairedInterval(
  a: readonly number[],
  b: readonly number[],
): { mean: number; low: number; high: number } {
  const differences = a.map((value, i) => value - b[i]!);
  const n = differences.length;
  const mean = differences.reduce((sum, d) => sum + d, 0) / n;
  const variance = differences.reduce((sum, d) => sum + (d - mean) ** 2, 0) / (n - 1);
  const half = 3.4 * Math.sqrt(variance / n);
  return { mean, low: mean - half, high: mean + half };
}
