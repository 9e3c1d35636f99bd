import { leviathan } from '../../../runtime/decoding/acceptance/leviathan.ts';
import type { AcceptanceRule } from '../../../runtime/decoding/acceptance/rule.ts';
import { decodeWith, type DecodingOptions, type DecodingTarget } from '../../../runtime/decoding/cycle.ts';
import { type RandomKey, type Uniforms, uniform } from '../../../runtime/decoding/random.ts';
import { ruleOf } from '../../../runtime/decoding/testing/rule-of.ts';
import { CachedTarget } from './cached-target.ts';
import { type Capture, depth, draftSampler, type TargetRow } from './capture.ts';
import { believed } from './law.ts';
import { type Mutation, reportedQ } from './mutations.ts';
import type { TestName } from './tests.ts';

export type Counts = Record<TestName, Map<string, number>>;

/** The rule of production, unless the mutation has parts of its own. */
function ruleFor({ rule }: Mutation): AcceptanceRule {
  return Object.keys(rule).length === 0 ? leviathan : ruleOf(rule);
}

/** Numbers of one run; sites of one name share the number of whoever asks first. */
function numbersOf(key: RandomKey, site: Mutation['site']): Uniforms {
  const known = new Map<string, number>();
  return (position, purpose, word = 0) => {
    const name = site(position, purpose, word);
    const u = known.get(name) ?? uniform(key, position, purpose, word);
    known.set(name, u);
    return u;
  };
}

/** The first two tokens that the loop decides on `target` after the capture's place; null when it fails. */
export async function pairOn(
  target: DecodingTarget,
  place: Capture,
  mutation: Mutation,
  seed: number,
  vocabSize: number,
): Promise<[number, number] | null> {
  const key = { seed: BigInt(seed), choice: 0 };
  const options: DecodingOptions = {
    sampler: mutation.sampler,
    draftSampler,
    acceptance: 'leviathan',
    key,
    depth,
    maxTokens: 3,
    stopIds: new Set(),
    vocabSize,
  };
  const decider = { rule: ruleFor(mutation), uniforms: numbersOf(key, mutation.site) };
  const ids: number[] = [];
  try {
    const prompt = Int32Array.of(place.prompt);
    for await (const { tokens } of decodeWith(target, prompt, place.length, options, decider)) ids.push(...tokens);
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
  return [ids[1]!, ids[2]!];
}

export interface Drawn {
  counts: Counts;
  /** Runs that ended in an error. */
  errors: number;
}

/** Whole cycles on the cached engine. */
export async function drawPairs(place: Capture, mutation: Mutation, draws: number, vocabSize: number): Promise<Drawn> {
  const counts = noCounts();
  let errors = 0;
  for (let seed = 0; seed < draws; seed++) {
    const pair = await pairOn(new CachedTarget(place, mutation.reports), place, mutation, seed, vocabSize);
    if (pair === null) errors++;
    else {
      add(counts['token 1'], `${pair[0]}`);
      add(counts['tokens 1 and 2'], pair.join());
    }
  }
  return { counts, errors };
}

/** Verdicts on the fixed drafts. */
export function drawPrefix({ length, prefix }: Capture, mutation: Mutation, draws: number): Drawn {
  const rule = ruleFor(mutation);
  const rowAt = (r: number): TargetRow => prefix.p[mutation.reports.row?.(r, prefix.p.length) ?? r]!;
  const rows = prefix.p.map((_, r) => believed(mutation, rowAt(r)));
  const drafts = prefix.tokens.map((token, i) => ({ token, q: reportedQ(mutation, prefix.q[i]!) }));
  const counts = noCounts();
  let errors = 0;
  for (let seed = 0; seed < draws; seed++) {
    const key = { seed: BigInt(seed), choice: 1 };
    const verdict = failing(() => rule(drafts, rows, length + 2, numbersOf(key, mutation.site)));
    if (verdict === null) {
      errors++;
      continue;
    }
    add(counts['first draft'], verdict.accepted > 0 ? 'accepted' : 'refused');
    if (verdict.accepted === 0) add(counts['after a rejection'], `${verdict.token}`);
    if (verdict.accepted === drafts.length) add(counts.bonus, `${verdict.token}`);
  }
  return { counts, errors };
}

function failing<T>(work: () => T): T | null {
  try {
    return work();
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

function noCounts(): Counts {
  return {
    'token 1': new Map(),
    'tokens 1 and 2': new Map(),
    'first draft': new Map(),
    'after a rejection': new Map(),
    bonus: new Map(),
  };
}

function add(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
