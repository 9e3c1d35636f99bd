import type { CycleEntry, CycleResult, DrawSpec, RowEdits } from '../../native/types.ts';
import { MtplxError } from '../errors.ts';

/**
 * The numbers in which cycles cross to the engine and back: one array each way. Between two cycles the caches are cold,
 * and then reading and making some fifty properties through Node-API took 95 µs, the arrays 23 µs and 40 µs here.
 * The twin of native/src/wire.cpp.
 *
 * Request, all float64: counts before what they count, choices by their number in `logitRows`, noise as
 * 0 (no draw), 1 none, 2 uniform, 3 gumbel; a seed as its low and its high 32 bits.
 * Result: ten float64 (the numbers of drafts, draft ids, candidates, log-sums, native draws; the five times), then the
 * float64 sections, then the 32-bit ones, in the order of `decodeResult`.
 */

type Candidates = Pick<CycleResult, 'ids' | 'logits' | 'logSums' | 'drawn'>;

const logitRows = { none: 0, last: 1, all: 2 } as const;
const headNumbers = 10;

/** Numbers one after the other. Kept between calls: indexed writes are the cheapest on cold caches. */
class Writer {
  #numbers = new Float64Array(1024);
  #length = 0;

  push(number: number): void {
    if (this.#length === this.#numbers.length) {
      const larger = new Float64Array(2 * this.#length);
      larger.set(this.#numbers);
      this.#numbers = larger;
    }
    this.#numbers[this.#length++] = number;
  }

  /** A count and what it counts. */
  pushAll(numbers: Int32Array | Uint32Array | Float64Array): void {
    this.push(numbers.length);
    for (let i = 0; i < numbers.length; i++) this.push(numbers[i]!);
  }

  start(): void {
    this.#length = 0;
  }

  /** Good until the next numbers are written: the addon copies them while it is called. */
  take(): Float64Array {
    return this.#numbers.subarray(0, this.#length);
  }
}

const out = new Writer();

/** A batch of `cycle`: entry i belongs to sequence i. @throws MtplxError MTPLX_E_ENGINE_USAGE for edits of uneven lengths */
export function encodeBatch(
  sequences: readonly number[],
  entries: readonly Omit<CycleEntry, 'sequence'>[],
): Float64Array {
  out.start();
  out.push(entries.length);
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i]!;
    out.push(sequences[i]!);
    out.push(entry.keep);
    out.push(entry.depth);
    out.push(entry.commits ? 1 : 0);
    out.push(logitRows[entry.logits]);
    out.push(entry.candidates.temperature);
    out.push(entry.candidates.count);
    out.pushAll(entry.tokens);
    pushDraw(entry.draft);
    pushDraw(entry.draw);
    pushEdits(entry.edits);
  }
  return out.take();
}

/** The arguments of `candidates`. @throws MtplxError MTPLX_E_ENGINE_USAGE for edits of uneven lengths */
export function encodeCandidates(
  sequence: number,
  edits: readonly RowEdits[],
  { temperature, count }: CycleEntry['candidates'],
  draw: DrawSpec | null,
): Float64Array {
  out.start();
  out.push(sequence);
  out.push(temperature);
  out.push(count);
  pushDraw(draw);
  pushEdits(edits);
  return out.take();
}

/** What `cycle` resolves to, as views of the buffer. */
export function decodeResult(buffer: ArrayBuffer): CycleResult {
  const head = new Float64Array(buffer, 0, headNumbers);
  const [drafts, support, candidates, sums, draws] = [head[0]!, head[1]!, head[2]!, head[3]!, head[4]!];
  const [wide, narrow] = [8, 4];
  let at = headNumbers * wide;
  const draftProbabilities = support === 0 ? noDoubles : new Float64Array(buffer, at, support);
  const logSums = new Float64Array(buffer, (at += support * wide), sums);
  const draftTokens = integers(buffer, (at += sums * wide), drafts);
  const draftCounts = integers(buffer, (at += drafts * narrow), drafts);
  const draftIds = integers(buffer, (at += drafts * narrow), support);
  const ids = integers(buffer, (at += support * narrow), candidates);
  const drawn = integers(buffer, (at += candidates * narrow), draws);
  const logits = new Float32Array(buffer, (at += draws * narrow), candidates);
  const times = { commit: head[5]!, draft: head[6]!, verify: head[7]!, candidates: head[8]!, total: head[9]! };
  return { draftTokens, draftCounts, draftIds, draftProbabilities, ids, logits, logSums, drawn, times };
}

// Without drafts and native draws most sections are empty, and on cold caches a view costs a microsecond.
const noIntegers = new Int32Array();
const noDoubles = new Float64Array();

function integers(buffer: ArrayBuffer, at: number, count: number): Int32Array {
  return count === 0 ? noIntegers : new Int32Array(buffer, at, count);
}

/** What `candidates` resolves to. */
export function decodeCandidates(buffer: ArrayBuffer): Candidates {
  const { ids, logits, logSums, drawn } = decodeResult(buffer);
  return { ids, logits, logSums, drawn };
}

function pushDraw(draw: DrawSpec | null): void {
  if (draw === null) {
    out.push(0);
    return;
  }
  const { filter, noise } = draw;
  out.push(noise.kind === 'none' ? 1 : noise.kind === 'uniform' ? 2 : 3);
  out.push(filter.temperature);
  out.push(filter.topP);
  out.push(filter.topK);
  if (noise.kind === 'uniform') {
    out.pushAll(noise.uniforms);
  } else if (noise.kind === 'gumbel') {
    out.push(Number(BigInt.asUintN(32, noise.seed)));
    out.push(Number(BigInt.asUintN(32, noise.seed >> 32n)));
    out.push(noise.choice);
  }
}

function pushEdits(edits: readonly RowEdits[]): void {
  out.push(edits.length);
  for (const { ids, multiply, add, mask } of edits) {
    if (multiply.length !== ids.length || add.length !== ids.length)
      throw new MtplxError('MTPLX_E_ENGINE_USAGE', { problem: 'edits need as many factors and summands as ids' });
    out.push(ids.length);
    for (let i = 0; i < ids.length; i++) {
      out.push(ids[i]!);
      out.push(multiply[i]!);
      out.push(add[i]!);
    }
    out.pushAll(mask);
  }
}
