import { residual } from '../acceptance/leviathan.ts';
import { type Distribution, distribution, probability } from '../distribution.ts';
import { decodingOptions } from './decoding-options.ts';
import type { Parts, Scenario } from './exactness.ts';
import { candidatesOf, filtered } from './fake-target.ts';
import { logSumExp, rowCount, type ToyModel } from './toy-model.ts';

/** Half precision as far as it matters here: 0 below half of its smallest number. */
const half = (x: number) => (x < 2 ** -25 ? 0 : x);

const unnormalised = (p: Distribution, q: Distribution): Distribution => ({
  ids: p.ids,
  probabilities: p.probabilities.map((x, i) => Math.max(0, x - probability(q, p.ids[i]!))),
});

/** Bugs that others shipped, and near relations; the enumeration must report every one. */
export const mutants = {
  'temperature not applied to p': { options: (o) => ({ ...o, sampler: { ...o.sampler, temperature: 1 } }) },
  'temperature not applied to the reported q': {
    faults: { reports: (logits, filter) => filtered(logits, { ...filter, temperature: 1 }) },
  },
  'q is the softmax before the filters, the draft was drawn after them': {
    faults: { reports: (logits, filter) => filtered(logits, { ...filter, topP: 1, topK: 0 }) },
  },
  'q is one-hot, as if the draft were greedy': {
    faults: { reports: (logits, filter) => filtered(logits, { ...filter, topP: 1e-9 }) },
  },
  'top-k before top-p in the verifier': {
    faults: { candidates: (c, temperature) => ({ ...c, logSum: logSumExp(c.logits, temperature) }) },
  },
  'top-k before top-p in the reported q': {
    faults: {
      reports: (logits, filter) => {
        const cut = candidatesOf(logits, filter.temperature, filter.topK || logits.length);
        return distribution({ ...cut, logSum: logSumExp(cut.logits, filter.temperature) }, filter);
      },
    },
  },
  'one number for all accept decisions': {
    site: (at, purpose, word) => `${purpose === 2 ? 0 : at} ${purpose} ${word}`,
  },
  'one number for all drafts': { site: (at, purpose, word) => `${purpose === 1 ? 0 : at} ${purpose} ${word}` },
  'one number for all target draws': { site: (at, purpose, word) => `${purpose === 4 ? 0 : at} ${purpose} ${word}` },
  'one number for accepting and for the residual': {
    site: (at, purpose, word) => `${at} ${purpose === 3 ? 2 : purpose} ${word}`,
  },
  'one number for drafting and for accepting': {
    site: (at, purpose, word) => (purpose <= 2 ? `${at}` : `${at} ${purpose} ${word}`),
  },
  'a q that underflows in half precision is an automatic accept': {
    rule: { accept: (u, p, q) => half(q) === 0 || u < p / q },
  },
  'p and q that underflow in half precision are an automatic accept': {
    rule: { accept: (u, p, q) => !(u >= half(p) / half(q)) },
  },
  'the reported q underflows in half precision': {
    faults: {
      reports: (logits, filter) => {
        const q = filtered(logits, filter);
        return { ids: q.ids, probabilities: q.probabilities.map(half) };
      },
    },
  },
  "accepting on the target's argmax": { rule: { accept: (_u, _p, _q, token, row) => token === row.ids[0] } },
  'always accepting': { rule: { accept: () => true } },
  'accepting with p, not p / q': { rule: { accept: (u, p) => u < p } },
  'accepting with q / p': { rule: { accept: (u, p, q) => u < q / p } },
  'the residual is not normalised': { rule: { rest: unnormalised } },
  'p in the place of the residual': { rule: { rest: (p) => p } },
  'q in the place of the residual': { rule: { rest: (_p, q) => q } },
  'the residual is (q - p)+': { rule: { rest: (p, q) => residual(q, p) } },
  'bonus from the row before': { rule: { bonusRow: (k) => Math.max(0, k - 1) } },
  'target rows one too late': { faults: { row: (r, rows) => Math.min(r + 1, rows - 1) } },
  'target rows one too early': { faults: { row: (r) => Math.max(0, r - 1) } },
} satisfies Record<string, Parts>;
export type MutantName = keyof typeof mutants;

const filters = {
  cut: { temperature: 0.6, topP: 0.5, topK: 2 },
  plain: { temperature: 0.6, topP: 1, topK: 0 },
  draft: { temperature: 0.7, topP: 1, topK: 0 },
};

/** Rows of one shape, turned by one place each and scaled, so that no two are alike. */
function rows(vocabSize: number, shape: readonly number[]): Float32Array[] {
  return Array.from({ length: rowCount(vocabSize) }, (_, r) =>
    Float32Array.from({ length: vocabSize }, (_v, i) => shape[(i + r) % vocabSize]! * (1 + r / 7)),
  );
}

function model(target: readonly number[], draft: readonly number[]): ToyModel {
  const vocabSize = target.length;
  return { vocabSize, target: rows(vocabSize, target), draft: rows(vocabSize, draft) };
}

function scene(toy: ToyModel, options: Parameters<typeof decodingOptions>[0]): Scenario {
  return { model: toy, prompt: [0, 1], options: decodingOptions({ ...options, vocabSize: toy.vocabSize }) };
}

/** Together they show every mutant. */
export const showcases: Scenario[] = [
  scene(model([1, 0.85, 0.6, 0.3], [0.5, 0.6, 0.4, 0.2]), {
    sampler: filters.cut,
    draftSampler: filters.cut,
    depth: 1,
    maxTokens: 3,
  }),
  scene(model([1, 0.8, -18], [0.8, 1, -12]), {
    sampler: filters.plain,
    draftSampler: filters.draft,
    depth: 1,
    maxTokens: 3,
  }),
  scene(model([1, 0.9, -0.5], [-0.5, 0, 1.5]), {
    sampler: filters.plain,
    draftSampler: filters.draft,
    depth: 1,
    maxTokens: 3,
  }),
  scene(model([1, -0.3], [0.2, 0.4]), {
    sampler: filters.plain,
    draftSampler: filters.draft,
    depth: 2,
    maxTokens: 3,
  }),
];
