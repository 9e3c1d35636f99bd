import type { EngineModel } from '../../runtime/engine/engine.ts';
import { differenceBins } from '../experiments/difference-bins.ts';
import type { Figures, Finding, Gate, GateContext } from './gate.ts';
import { type Golden, goldenDifferences, goldenFile, readGoldens, trunkRows } from './goldens.ts';

/** Largest difference of a logit in float32; quantised weights meet activations of 16 bits (docs/numerics.md). */
const bounds = { float: 2e-4, quantised: 2e-3 };
/** Below this margin to the runner-up, rounding may choose. */
const sureMargin = 1e-2;

/** Trunk and head compute what transformers computes from the same weights. */
export const reference: Gate = {
  name: 'reference',
  claim: 'trunk and MTP logits agree with golden tensors to 2e-4, with quantised weights to 2e-3',
  control: 'an engine that reads another first token',
  absent: ({ goldens }) => (goldens ? null : 'the model ships no golden tensors'),
  cases: () => [
    {
      key: 'goldens',
      control: false,
      cost: { prefill: 1200, steps: 50 },
      run: (context) => compareGoldens(context, 0),
    },
    { key: 'control', control: true, cost: { prefill: 1200, steps: 50 }, run: (context) => compareGoldens(context, 1) },
  ],
  summarise: (figures) => figures[0] ?? {},
};

async function compareGoldens({ model, folder }: GateContext, shift: number): Promise<Finding> {
  const bound = model.request.quantized.length > 0 ? bounds.quantised : bounds.float;
  const texts = await readGoldens(goldenFile(folder.folder)!);
  const problems: string[] = [];
  const differences = Array.from({ length: differenceBins }, () => 0);
  const figures: Figures = { bound, values: 0, max_diff: 0, texts: texts.length, greedy_tokens: 0 };
  for (const golden of texts) {
    const ids = golden.ids.slice();
    ids[0] = (ids[0]! + shift) % model.request.spec.vocabSize;
    for (const { what, values, maxDiff, bins } of await goldenDifferences(model, golden, ids)) {
      figures['values'] = Number(figures['values']) + values;
      figures['max_diff'] = Math.max(Number(figures['max_diff']), Math.min(maxDiff, Number.MAX_VALUE));
      bins.forEach((count, i) => (differences[i]! += count));
      if (!(maxDiff <= bound)) problems.push(`${what}: differs by ${maxDiff}, bound ${bound}`);
    }
    const greedy = await greedyDifferences(model, { ...golden, ids });
    figures['greedy_tokens'] = Number(figures['greedy_tokens']) + greedy.compared;
    problems.push(...greedy.problems);
  }
  if (figures['values'] === 0) throw new Error('The goldens hold no values.');
  return {
    passed: problems.length === 0,
    figures: { ...figures, logit_diff_bins: differences },
    problem: problems[0] ?? null,
  };
}

/** With the golden's ids as history, the engine's argmax is its next id wherever the margin is safe. */
export async function greedyDifferences(
  model: EngineModel,
  { name, ids, greedyIds, greedyMargins }: Golden,
): Promise<{ compared: number; problems: string[] }> {
  const { logits } = await trunkRows(model, Int32Array.of(...ids, ...greedyIds.subarray(0, -1)));
  const { vocabSize } = model.request.spec;
  const problems: string[] = [];
  let compared = 0;
  greedyIds.forEach((id, i) => {
    if (!(greedyMargins[i]! > sureMargin)) return;
    compared++;
    const row = logits.subarray((ids.length - 1 + i) * vocabSize, (ids.length + i) * vocabSize);
    const best = row.reduce((top, logit, at) => (logit > row[top]! ? at : top), 0);
    if (best !== id) problems.push(`${name}, greedy token ${i}: ${best} in the place of ${id}`);
  });
  return { compared, problems };
}
