import type { CycleEntry, CycleResult } from '../../runtime/engine/types.ts';
import type { Entry, GateSequence } from './engine.ts';
import type { GateContext } from './gate.ts';

type Input = Pick<GateContext, 'engine' | 'tokens'>;

export interface Step {
  keep: number;
  tokens: Int32Array | number[];
  depth?: number;
  logits?: CycleEntry['logits'];
}

/** A cycle that reports nothing. */
export const silent: Omit<Entry, 'keep' | 'tokens'> = {
  depth: 0,
  commits: false,
  draft: null,
  logits: 'none',
  candidates: { temperature: 1, count: 1 },
  draw: null,
  edits: [],
};

/** A cycle that reports all that decoding reads: drafts with their q, candidates, a native draw of each row. */
export function entry({ keep, tokens, depth = 0, logits = 'all' }: Step): Entry {
  const noise = { kind: 'gumbel', seed: 1n, choice: 0 } as const;
  return {
    keep,
    tokens: Int32Array.from(tokens),
    depth,
    commits: false,
    draft: depth > 0 ? { filter: { temperature: 0.7, topP: 0.95, topK: 20 }, noise } : null,
    logits,
    candidates: { temperature: 0.6, count: 20 },
    draw: logits === 'none' ? null : { filter: { temperature: 1, topP: 1, topK: 0 }, noise },
    edits: [],
  };
}

export async function step(sequence: GateSequence, given: Step): Promise<CycleResult> {
  return sequence.cycle(entry(given));
}

/**
 * A verification of `rows` rows at text position `at`: the text's token and the drafts after it, or, without an MTP
 * head, as many tokens of the text. `tokens` are the ids of the rows.
 */
export async function verify(
  { engine, tokens }: Input,
  sequence: GateSequence,
  { keep, at, rows }: { keep: number; at: number; rows: number },
): Promise<{ result: CycleResult; tokens: number[] }> {
  if (!engine.spec.mtp) {
    const given = [...tokens.subarray(at, at + rows)];
    return { result: await step(sequence, { keep, tokens: given }), tokens: given };
  }
  const first = tokens[at]!;
  const result = await step(sequence, { keep, tokens: [first], depth: rows - 1 });
  return { result, tokens: [first, ...result.draftTokens] };
}

/** A sequence whose history is the first `length` tokens, fed in chunks of `chunk` as decoding feeds a prompt. */
export async function prefilled({ engine, tokens }: Input, length: number, chunk = 512): Promise<GateSequence> {
  const sequence = await engine.createSequence({ mtp: engine.spec.mtp });
  for (let begin = 0; begin < length; begin += chunk) {
    const part = tokens.subarray(begin, Math.min(begin + chunk, length));
    await sequence.cycle({ ...silent, keep: 0, tokens: part, commits: true });
  }
  return sequence;
}

export interface SingleSteps {
  /** One cycle's result, whole logits [V] and hidden row [H] a token. */
  results: CycleResult[];
  logits: Float32Array[];
  hidden: Float32Array[];
  sequence: GateSequence;
}

/** Plain decoding of given tokens, one a cycle, on a fork of `base`. */
export async function oneByOne(base: GateSequence, tokens: Int32Array | number[]): Promise<SingleSteps> {
  const steps: SingleSteps = { results: [], logits: [], hidden: [], sequence: await base.fork() };
  let keep = 0;
  for (const token of tokens) {
    steps.results.push(await step(steps.sequence, { keep, tokens: [token] }));
    steps.logits.push(await steps.sequence.rows('logits'));
    steps.hidden.push(await steps.sequence.rows('hidden'));
    keep = 1;
  }
  await steps.sequence.commit(keep);
  return steps;
}

export async function disposeAll(...sequences: GateSequence[]): Promise<void> {
  for (const sequence of sequences) {
    await sequence.dispose();
  }
}
