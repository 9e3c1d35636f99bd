import fc from 'fast-check';
import type { Filter } from '../../engine/types.ts';
import type { Scenario } from './exactness.ts';
import { onKnifeEdge, rowCount, type ToyModel } from './toy-model.ts';

const logit = fc.oneof(
  { weight: 6, arbitrary: fc.float({ min: -6, max: 6, noNaN: true }) },
  { weight: 2, arbitrary: fc.integer({ min: -2, max: 2 }) },
  { weight: 1, arbitrary: fc.constantFrom(-45, 45) },
);

/** Rows of logits, with ties and with probabilities down to 1e-39 and below; never without a finite logit. */
export function logitRows(vocabSize: number, extra: fc.Arbitrary<number> = logit): fc.Arbitrary<Float32Array[]> {
  const row = fc.array(fc.oneof({ weight: 5, arbitrary: logit }, { weight: 1, arbitrary: extra }), {
    minLength: vocabSize,
    maxLength: vocabSize,
  });
  return fc.array(
    row.map((values) => Float32Array.from(values)).filter((values) => values.some((x) => x > -Infinity)),
    { minLength: rowCount(vocabSize), maxLength: rowCount(vocabSize) },
  );
}

export function toyModel(vocabSize: number): fc.Arbitrary<ToyModel> {
  const rows = logitRows(vocabSize, fc.constant(-Infinity));
  return fc.record({ vocabSize: fc.constant(vocabSize), target: rows, draft: rows });
}

export const filter: fc.Arbitrary<Filter> = fc.record({
  temperature: fc.oneof(fc.constantFrom(0, 0.6, 1), fc.double({ min: 0.2, max: 3, noNaN: true })),
  topP: fc.oneof(fc.constant(1), fc.double({ min: 0.05, max: 0.999, noNaN: true })),
  topK: fc.integer({ min: 0, max: 6 }),
});

/** Sizes that can be enumerated in well under a second: a vocabulary, a depth, a number of tokens. */
const sizes = [
  [2, 1, 4],
  [2, 2, 4],
  [2, 3, 4],
  [3, 0, 3],
  [3, 1, 3],
  [3, 2, 3],
  [3, 3, 2],
  [4, 1, 3],
  [4, 2, 2],
  [5, 1, 2],
] as const;

/** Any model and any filters, of a size that can be enumerated; no filter stands where rounding decides its cut. */
export const scenario: fc.Arbitrary<Scenario> = fc
  .constantFrom(...sizes)
  .chain(([vocabSize, depth, maxTokens]) =>
    fc.record({
      model: toyModel(vocabSize),
      prompt: fc.array(fc.nat(vocabSize - 1), { minLength: 1, maxLength: 4 }),
      options: fc.record({
        sampler: filter,
        draftSampler: filter,
        acceptance: fc.constant('leviathan' as const),
        key: fc.constant({ seed: 0n, choice: 0 }),
        depth: fc.constant(depth),
        maxTokens: fc.constant(maxTokens),
        stopIds: fc.oneof(fc.constant(new Set<number>()), fc.constant(new Set([1]))),
        vocabSize: fc.constant(vocabSize),
        prefillChunk: fc.integer({ min: 1, max: 5 }),
      }),
    }),
  )
  .filter(
    ({ model, options }) =>
      !model.target.some((row) => onKnifeEdge(row, options.sampler)) &&
      !model.draft.some((row) => onKnifeEdge(row, options.draftSampler)),
  );
