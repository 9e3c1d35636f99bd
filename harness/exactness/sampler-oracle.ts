import { uniform } from '../../runtime/decoding/random.ts';
import { decodingOptions } from '../../runtime/decoding/testing/decoding-options.ts';
import { leviathanProblem, type Scenario } from '../../runtime/decoding/testing/exactness.ts';
import { type MutantName, mutants, showcases } from '../../runtime/decoding/testing/mutants.ts';
import { onKnifeEdge, rowCount } from '../../runtime/decoding/testing/toy-model.ts';
import type { Finding, Gate, GateCase } from './gate.ts';

const modelsOfCase = 20;
/** Vocabulary, depth, tokens: what can be enumerated at once. */
const sizes = [
  [2, 1, 4],
  [2, 2, 4],
  [2, 3, 4],
  [3, 1, 3],
  [3, 2, 3],
  [4, 1, 3],
  [4, 2, 2],
  [5, 1, 2],
] as const;
const temperatures = [0, 0.6, 1, 2.5];
const nuclei = [1, 0.9, 0.5];

/** Over all values of all random numbers, texts have the joint distribution of the model. Needs no engine. */
export const samplerOracle: Gate = {
  name: 'sampler-oracle',
  claim: 'enumerated over all its numbers, leviathan gives the exact joint distribution on small vocabularies',
  control: 'each of the wrong samplers of runtime/decoding/testing/mutants.ts',
  cases: ({ oracle_models: models }) => [
    ...Array.from({ length: Math.ceil(models / modelsOfCase) }, (_, part): GateCase => {
      const begin = part * modelsOfCase;
      const end = Math.min(models, begin + modelsOfCase);
      return {
        key: `toy models ${begin + 1} to ${end}`,
        control: false,
        cost: { seconds: 0.02 * (end - begin) },
        run: () => enumerate(begin, end),
      };
    }),
    ...(Object.keys(mutants) as MutantName[]).map((name): GateCase => {
      return { key: `control: ${name}`, control: true, cost: { seconds: 0.05 }, run: () => show(name) };
    }),
  ],
  summarise: (figures) => ({ toy_models: figures.reduce((sum, figure) => sum + Number(figure['toy_models']), 0) }),
};

async function enumerate(begin: number, end: number): Promise<Finding> {
  const problems: string[] = [];
  for (let i = begin; i < end; i++) {
    const problem = await leviathanProblem(scenarioOf(i));
    if (problem !== null) problems.push(`toy model ${i + 1}: ${problem}`);
  }
  return { passed: problems.length === 0, figures: { toy_models: end - begin }, problem: problems[0] ?? null };
}

/** The showcases are known to be exact without a mutation, so that what they report is the mutation. */
async function show(name: MutantName): Promise<Finding> {
  for (const scenario of showcases) {
    const exact = await leviathanProblem(scenario);
    if (exact !== null) throw new Error(`A showcase fails without a mutation: ${exact}`);
    const problem = await leviathanProblem(scenario, mutants[name]);
    if (problem !== null) return { passed: false, figures: {}, problem };
  }
  return { passed: true, figures: {}, problem: null };
}

/** Toy model number i: logits, filters, depth and prompt from a counter, without filters that rounding would cut. */
export function scenarioOf(i: number): Scenario {
  for (let attempt = 0; ; attempt++) {
    let word = 0;
    const number = () => uniform({ seed: BigInt(i), choice: attempt }, 0, 1, word++);
    const pick = <T>(values: readonly T[]): T => values[Math.floor(number() * values.length)]!;
    const [vocabSize, depth, maxTokens] = sizes[i % sizes.length]!;
    const rows = () =>
      Array.from({ length: rowCount(vocabSize) }, () =>
        Float32Array.from({ length: vocabSize }, () => (number() < 0.2 ? pick([-2, 0, 1]) : 12 * number() - 6)),
      );
    const filter = () => ({ temperature: pick(temperatures), topP: pick(nuclei), topK: pick([0, 0, 1, 2, 3]) });
    const model = { vocabSize, target: rows(), draft: rows() };
    const [sampler, draftSampler] = [filter(), filter()];
    const prompt = Array.from({ length: 1 + (i % 3) }, () => Math.floor(number() * vocabSize));
    const sharp = (logits: readonly Float32Array[], of: typeof sampler) => logits.some((row) => onKnifeEdge(row, of));
    if (sharp(model.target, sampler) || sharp(model.draft, draftSampler)) continue;
    return { model, prompt, options: decodingOptions({ sampler, draftSampler, depth, maxTokens, vocabSize }) };
  }
}
