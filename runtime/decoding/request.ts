import type { CycleEntry, DrawSpec } from '../engine/types.ts';
import type { DecodingOptions } from './options.ts';
import { purposes, type Uniforms } from './random.ts';

type Entry = Omit<CycleEntry, 'sequence'>;

/**
 * Without top-k native code draws over the whole row, so that the vocabulary is not copied: wherever a draw alone
 * decides. Leviathan with drafts needs p over its whole support for the residual.
 */
export function drawsNatively({ acceptance, sampler }: DecodingOptions, depth: number): boolean {
  return sampler.topK === 0 && sampler.temperature > 0 && (acceptance === 'coupled' || depth === 0);
}

/** Candidates of each target row: as far as the filter may reach. */
export function candidateCount(options: DecodingOptions, depth: number): number {
  const { sampler, vocabSize } = options;
  if (sampler.temperature === 0 || drawsNatively(options, depth)) {
    return 1;
  }
  return sampler.topK === 0 ? vocabSize : Math.min(sampler.topK, vocabSize);
}

/** A prompt chunk; the last one of the prompt gives a target row for the token at `position`. */
export function prefillEntry(
  options: DecodingOptions,
  uniforms: Uniforms,
  chunk: { tokens: Int32Array; last: boolean; position: number },
): Entry {
  const { tokens, last, position } = chunk;
  return {
    keep: 0,
    tokens,
    depth: 0,
    commits: true,
    draft: null,
    logits: last ? 'last' : 'none',
    candidates: { temperature: options.sampler.temperature, count: candidateCount(options, 0) },
    draw: last ? targetDraw(options, uniforms, 0, position) : null,
    edits: last ? rowEdits(options, 1) : [],
  };
}

/** Feeds the last emitted token and asks for `depth` drafts and depth + 1 target rows, the first for `position`. */
export function cycleEntry(
  options: DecodingOptions,
  uniforms: Uniforms,
  cycle: { keep: number; token: number; depth: number; position: number },
): Entry {
  const { keep, token, depth, position } = cycle;
  return {
    keep,
    tokens: Int32Array.of(token),
    depth,
    commits: false,
    draft: depth > 0 ? draftDraw(options, uniforms, depth, position) : null,
    logits: 'all',
    candidates: { temperature: options.sampler.temperature, count: candidateCount(options, depth) },
    draw: targetDraw(options, uniforms, depth, position),
    edits: rowEdits(options, depth + 1),
  };
}

function targetDraw(options: DecodingOptions, uniforms: Uniforms, depth: number, position: number): DrawSpec | null {
  if (!drawsNatively(options, depth)) {
    return null;
  }
  return {
    filter: options.sampler,
    noise:
      options.acceptance === 'coupled'
        ? { kind: 'gumbel', ...options.key }
        : { kind: 'uniform', uniforms: Float64Array.of(uniforms(position, purposes.target)) },
  };
}

/** A position may be drafted again in a later cycle, then at a lower index: its number is another one. */
function draftDraw(options: DecodingOptions, uniforms: Uniforms, depth: number, position: number): DrawSpec {
  const filter = options.sampler.temperature === 0 ? options.sampler : options.draftSampler;
  if (filter.temperature === 0) {
    return { filter, noise: { kind: 'none' } };
  }
  if (options.acceptance === 'coupled') {
    return { filter, noise: { kind: 'gumbel', ...options.key } };
  }
  const numbers = Float64Array.from({ length: depth }, (_, i) => uniforms(position + i, purposes.draft, i));
  return { filter, noise: { kind: 'uniform', uniforms: numbers } };
}

function rowEdits({ edits }: DecodingOptions, rows: number): Entry['edits'] {
  return edits === undefined ? [] : Array.from({ length: rows }, () => edits);
}
