import type { Distribution } from '../../../runtime/decoding/distribution.ts';
import type { Purpose } from '../../../runtime/decoding/random.ts';
import type { Filter } from '../../../runtime/engine/types.ts';
import type { Parts } from '../../../runtime/decoding/testing/exactness.ts';
import { type MutantName, mutants } from '../../../runtime/decoding/testing/mutants.ts';
import type { RuleParts } from '../../../runtime/decoding/testing/rule-of.ts';
import type { Reports } from './cached-target.ts';
import { type Capture, draftSampler, sampler } from './capture.ts';

/** A wrong sampler: what it reports, how it decides, and which decisions share a number. */
export interface Mutation {
  rule: RuleParts;
  reports: Reports;
  /** The target's filter as the sampler believes it to be. */
  sampler: Filter;
  site: (position: number, purpose: Purpose, word: number) => string;
}

export const ownSite: Mutation['site'] = (position, purpose, word) => `${position} ${purpose} ${word}`;
export const exact: Mutation = { rule: {}, reports: {}, sampler, site: ownSite };

/**
 * The mutations that the first two tokens of a real model's cycle can show. What needs a probability below 2^-25 or a
 * third token is left to the enumeration (sampler-oracle), which sees all.
 */
export const listed = [
  'temperature not applied to p',
  'temperature not applied to the reported q',
  'q is the softmax before the filters, the draft was drawn after them',
  'q is one-hot, as if the draft were greedy',
  'top-k before top-p in the verifier',
  'one number for all accept decisions',
  'one number for all drafts',
  'one number for accepting and for the residual',
  'one number for drafting and for accepting',
  "accepting on the target's argmax",
  'always accepting',
  'accepting with p, not p / q',
  'accepting with q / p',
  'the residual is not normalised',
  'p in the place of the residual',
  'q in the place of the residual',
  'the residual is (q - p)+',
  'bonus from the row before',
  'target rows one too early',
] as const satisfies readonly MutantName[];
export type ListedMutation = (typeof listed)[number];

/** Of a reported q over the whole vocabulary; p has no more members. */
const reported = 256;

/** A mutation of the enumeration's table as one of the cached engine. Reported distributions are made once. */
export function mutationOf(name: ListedMutation): Mutation {
  const { rule = {}, faults = {}, options, site = ownSite }: Parts = mutants[name];
  const { reports, candidates, row } = faults;
  const made = new Map<Float32Array, Distribution>();
  const q = (_: Distribution, logits: Float32Array): Distribution => {
    const known = made.get(logits) ?? head(reports!(logits, draftSampler));
    made.set(logits, known);
    return known;
  };
  const given = { sampler, draftSampler } as Parameters<NonNullable<typeof options>>[0];
  return {
    rule,
    reports: { ...(reports ? { q } : {}), ...(candidates ? { candidates } : {}), ...(row ? { row } : {}) },
    sampler: options?.(given).sampler ?? sampler,
    site,
  };
}

function head({ ids, probabilities }: Distribution): Distribution {
  return { ids: ids.slice(0, reported), probabilities: probabilities.slice(0, reported) };
}

/** The reported q of a row. */
export function reportedQ({ reports }: Mutation, { q, logits }: Capture['q']): Distribution {
  return logits ? (reports.q?.(q, logits) ?? q) : q;
}
