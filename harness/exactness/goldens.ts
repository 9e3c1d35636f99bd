import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { EngineModel } from '../../runtime/engine/engine.ts';
import type { DrawSpec } from '../../runtime/engine/types.ts';
import { toFloats } from '../../runtime/model/dtype.ts';
import { embeddedModel } from '../../runtime/model/embedded.ts';
import { readSafetensorsHeader } from '../../runtime/model/safetensors-header.ts';
import { binDifferences } from '../experiments/difference-bins.ts';
import { silent } from './sequences.ts';

/** What a reference computed for one text; see fixtures/goldens/README.md. Rows are flat, [rows, width]. */
export interface Golden {
  name: string;
  ids: Int32Array;
  /** Of the last positions, or of all. */
  logits: Float32Array;
  hidden: Float32Array;
  /** Depths 1 … 3 of the head, recursive over the whole text; `logits` of the first or the last positions. */
  mtp: { logits: Float32Array; hidden: Float32Array | null }[];
  /** What follows greedily, and the margins to the runner-up; empty where the file has none. */
  greedyIds: Int32Array;
  greedyMargins: Float32Array;
}

/** Which positions the MTP logits of a golden are of. */
type Crop = 'first' | 'last';

export interface GoldenDifference {
  what: string;
  values: number;
  maxDiff: number;
  /** Values by the size of their difference; see harness/experiments/difference-bins.ts. */
  bins: number[];
}

/**
 * Golden tensors of a model: `golden.safetensors` in its folder; those of the embedded model lie beside it, in the
 * checkout alone. null without any.
 */
export function goldenFile(folder: string): string | null {
  const embedded = join(dirname(embeddedModel), 'goldens/model-4bit.safetensors');
  const file = folder === embeddedModel ? embedded : join(folder, 'golden.safetensors');
  return existsSync(file) ? file : null;
}

/** Every text of a golden file: names are `text.what`, or `what` alone for a single text. */
export async function readGoldens(path: string): Promise<Golden[]> {
  const [{ tensors }, blob] = [await readSafetensorsHeader(path), await readFile(path)];
  const bytesOf = (name: string): Uint8Array | null => {
    const tensor = tensors.get(name);
    return tensor ? blob.subarray(tensor.begin, tensor.end) : null;
  };
  const prefixes = [...tensors.keys()].flatMap((key) => (/(^|\.)input_ids$/.test(key) ? [key.slice(0, -9)] : []));
  return prefixes.map((prefix) => {
    const floats = (name: string): Float32Array | null => {
      const bytes = bytesOf(prefix + name);
      return bytes ? toFloats(bytes, 'F32') : null;
    };
    const ids = (name: string): Int32Array => {
      return new Int32Array(Uint8Array.from(bytesOf(prefix + name) ?? []).buffer);
    };
    return {
      name: prefix.slice(0, -1) || 'text',
      ids: ids('input_ids'),
      logits: floats('logits')!,
      hidden: floats('hidden')!,
      mtp: [1, 2, 3].map((k) => ({ logits: floats(`mtp${k}.logits`)!, hidden: floats(`mtp${k}.hidden`) })),
      greedyIds: ids('greedy_ids'),
      greedyMargins: floats('greedy_margins') ?? new Float32Array(),
    };
  });
}

/** The file of bf16 weights has the first positions, and no hidden rows of the head. */
export function cropOf({ mtp }: Golden): Crop {
  return mtp[0]!.hidden === null ? 'first' : 'last';
}

/** Differences between a golden and the engine. `ids`: the text that the engine reads, the golden's own by default. */
export async function goldenDifferences(
  model: EngineModel,
  golden: Golden,
  ids: Int32Array = golden.ids,
): Promise<GoldenDifference[]> {
  const { vocabSize, hiddenSize } = model.request.spec;
  const crop = cropOf(golden);
  const differences: GoldenDifference[] = [];
  const compare = (what: string, found: Float32Array | number[], expected: Float32Array) => {
    differences.push({ what: `${golden.name}, ${what}`, values: expected.length, ...sizes(found, expected) });
  };

  const { logits, hidden } = await trunkRows(model, ids);
  compare('logits', logits.subarray(logits.length - golden.logits.length), golden.logits);
  compare('hidden', hidden, golden.hidden);

  let above = hidden;
  for (const [i, expected] of golden.mtp.entries()) {
    const rows = ids.length - i - 1;
    const head = await model.mtpForward(above.subarray(0, rows * hiddenSize), ids.subarray(i + 1));
    const begin = crop === 'first' ? 0 : head.logits.length - expected.logits.length;
    compare(`mtp${i + 1} logits`, head.logits.subarray(begin, begin + expected.logits.length), expected.logits);
    if (expected.hidden) compare(`mtp${i + 1} hidden`, head.hidden, expected.hidden);
    above = head.hidden;
  }

  const rows = golden.mtp[0]!.logits.length / vocabSize;
  const begin = crop === 'first' ? 0 : ids.length - 1 - rows;
  const drafts = await firstDrafts(model, ids.subarray(0, begin + rows + 1), begin);
  for (let r = 0; r < rows; r++) {
    const row = golden.mtp[0]!.logits.subarray(r * vocabSize, (r + 1) * vocabSize);
    const what = `${golden.name}, draft at position ${begin + r}`;
    differences.push({
      what,
      values: drafts[r]!.ids.length,
      maxDiff: draftDifference(drafts[r]!, row),
      bins: [],
    });
  }
  return differences;
}

/** One pass over the text: logits [T, V] and post-norm hidden rows [T, H]. */
export async function trunkRows(
  model: EngineModel,
  ids: Int32Array,
): Promise<{ logits: Float32Array; hidden: Float32Array }> {
  await using sequence = await model.createSequence({ mtp: model.request.spec.mtp });
  await sequence.cycle({ ...silent, keep: 0, tokens: ids, logits: 'all' });
  return { logits: await sequence.rows('logits'), hidden: await sequence.rows('hidden') };
}

/**
 * As a server drafts: token by token from position `begin` on, each draft dropped again. Entry i: q of the
 * first draft after begin + i + 2 tokens.
 */
async function firstDrafts(
  model: EngineModel,
  ids: Int32Array,
  begin: number,
): Promise<{ ids: Int32Array; probabilities: Float64Array }[]> {
  await using sequence = await model.createSequence({ mtp: true });
  await sequence.cycle({ ...silent, keep: 0, tokens: ids.subarray(0, begin + 1) });
  const drafts = [];
  let keep = begin + 1;
  for (const id of ids.subarray(begin + 1)) {
    const result = await sequence.cycle({ ...silent, keep, tokens: Int32Array.of(id), depth: 1, draft: wholeDraft });
    drafts.push({ ids: result.draftIds, probabilities: result.draftProbabilities });
    keep = 1;
  }
  return drafts;
}

/** Drafts over the whole vocabulary at T = 1, so that their q is the softmax of the head's logits. */
export const wholeDraft: DrawSpec = {
  filter: { temperature: 1, topP: 1, topK: 0 },
  noise: { kind: 'gumbel', seed: 1n, choice: 0 },
};

/**
 * Largest difference of ln q from the log-softmax of `logits`, over q's support. Rounding may fill the mass before the
 * last ids; a support that lacks more than that is Infinity.
 */
export function draftDifference(q: { ids: Int32Array; probabilities: Float64Array }, logits: Float32Array): number {
  const expected = logSoftmax(logits);
  let worst = 0;
  let mass = 0;
  q.ids.forEach((id, i) => {
    worst = Math.max(worst, Math.abs(Math.log(q.probabilities[i]!) - expected[id]!));
    mass += Math.exp(expected[id]!);
  });
  return mass > 1 - 1e-5 && !Number.isNaN(worst) ? worst : Infinity;
}

function logSoftmax(logits: Float32Array): Float32Array {
  const top = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const sum = logits.reduce((total, logit) => total + Math.exp(logit - top), 0);
  return logits.map((logit) => logit - top - Math.log(sum));
}

/** Largest difference, and how many there are of each size. NaN anywhere, or another length, is Infinity. */
function sizes(found: Float32Array | number[], expected: Float32Array): { maxDiff: number; bins: number[] } {
  if (found.length !== expected.length) return { maxDiff: Infinity, bins: [] };
  const maxDiff = expected.reduce((worst, value, i) => {
    const difference = Math.abs(found[i]! - value);
    return Number.isNaN(difference) ? Infinity : Math.max(worst, difference);
  }, 0);
  return { maxDiff, bins: binDifferences(found, expected) };
}
