import { leviathan, residual } from '../../runtime/decoding/acceptance/leviathan.ts';
import { type Distribution, distribution, drawUniform, probability } from '../../runtime/decoding/distribution.ts';
import { purposes, type RandomKey, uniformsOf } from '../../runtime/decoding/random.ts';
import type { EngineModel } from '../../runtime/engine/engine.ts';
import type { EngineSequence } from '../../runtime/engine/sequence.ts';
import type { Filter } from '../../runtime/engine/types.ts';
import { chiSquarePower, chiSquareTest, inCells, mergeCells } from '../statistics.ts';
import { disposeAll, prefilled } from './gate.ts';

/** The suite's own: draft and target have two temperatures, so that q is not p's form. */
export const sampler: Filter = { temperature: 0.6, topP: 0.95, topK: 20 };
export const draftSampler: Filter = { ...sampler, temperature: 0.7 };
/** The control's bug: the drafts' probabilities without the draft temperature. */
const withoutTemperature: Filter = { ...draftSampler, temperature: 1 };

export const draws = 20_000;
export const falseAlarms = 1e-9;
export const wantedPower = 0.999;

/** The first decision of a verification after `length` tokens and one that is fed. */
export interface Decision {
  length: number;
  /** Target's distribution of the next token. */
  p: Distribution;
  /** What the first draft is drawn from, and what the control takes it to be. */
  q: Distribution;
  controlQ: Distribution;
}

/** Takes p and q from the engine; the sequence's history stays as it is. */
export async function decisionAfter(sequence: EngineSequence, length: number, token: number): Promise<Decision> {
  const cycle = async (filter: Filter) => {
    const result = await sequence.cycle({
      keep: 0,
      tokens: Int32Array.of(token),
      depth: 1,
      draft: { filter, noise: { kind: 'uniform', uniforms: Float64Array.of(0.5) } },
      logits: 'all',
      candidates: { temperature: sampler.temperature, count: sampler.topK },
      draw: null,
      edits: [],
    });
    const first = { ids: result.ids.subarray(0, sampler.topK), logits: result.logits.subarray(0, sampler.topK) };
    return {
      p: distribution({ ...first, logSum: result.logSums[1]! }, sampler),
      q: { ids: result.draftIds, probabilities: result.draftProbabilities },
    };
  };
  const { p, q } = await cycle(draftSampler);
  const { q: controlQ } = await cycle(withoutTemperature);
  return { length, p, q, controlQ };
}

/** The emitted token when the draft comes from q and the rule takes `believed` for q: production code and numbers. */
export function emit({ length, p, q }: Decision, believed: Distribution, key: RandomKey): number {
  const position = length + 1;
  const uniforms = uniformsOf(key);
  const token = drawUniform(q, uniforms(position, purposes.draft, 0));
  // Row 1 only matters after an accepted draft, and then the first emitted token is the draft.
  const verdict = leviathan([{ token, q: believed }], [p, p], position, uniforms);
  return verdict.accepted > 0 ? token : verdict.token;
}

/** The distribution of `emit`, by the formula. With `believed` = q it is p. */
export function emittedLaw({ p, q }: Decision, believed: Distribution): Map<number, number> {
  const acceptance = (id: number) => {
    const divisor = probability(believed, id);
    return divisor === 0 ? 1 : Math.min(1, probability(p, id) / divisor);
  };
  const law = new Map<number, number>();
  const add = (id: number, mass: number) => law.set(id, (law.get(id) ?? 0) + mass);
  let refused = 0;
  q.ids.forEach((id, i) => {
    add(id, q.probabilities[i]! * acceptance(id));
    refused += q.probabilities[i]! * (1 - acceptance(id));
  });
  const rest = residual(p, believed);
  rest.ids.forEach((id, i) => add(id, refused * rest.probabilities[i]!));
  return law;
}

function cellsOf(p: Distribution): { cells: number[]; expected: number[] } {
  const probabilities = [...p.probabilities];
  const cells = mergeCells(probabilities, draws);
  return { cells, expected: inCells(probabilities, cells) };
}

/** Probability that the test refuses the control. 0 where p has one cell: nothing can be tested there. */
export function controlPower(decision: Decision): number {
  const { cells, expected } = cellsOf(decision.p);
  if (expected.length < 2) return 0;
  const law = emittedLaw(decision, decision.controlQ);
  const alternative = inCells(
    [...decision.p.ids].map((id) => law.get(id) ?? 0),
    cells,
  );
  return chiSquarePower(expected, alternative, draws, falseAlarms);
}

/** χ² test of `draws` emitted tokens against p; a token outside p's support has no cell and pValue is 0. */
export function testDraws(
  decision: Decision,
  believed: Distribution,
): { statistic: number; df: number; pValue: number; smallestCell: number } {
  const { cells, expected } = cellsOf(decision.p);
  const rank = new Map([...decision.p.ids].map((id, i) => [id, i]));
  const counts = [...decision.p.ids].map(() => 0);
  let outside = 0;
  for (let draw = 0; draw < draws; draw++) {
    const at = rank.get(emit(decision, believed, { seed: BigInt(draw), choice: 0 }));
    if (at === undefined) outside++;
    else counts[at]! += 1;
  }
  const result = chiSquareTest(inCells(counts, cells), expected);
  return { ...result, ...(outside > 0 ? { pValue: 0 } : {}), smallestCell: Math.min(...expected) * draws };
}

/** Decisions along the text at which the test refuses the control for sure, those with the most cells first. */
export async function testableDecisions(
  model: EngineModel,
  tokens: Int32Array,
  count: number,
): Promise<{ decision: Decision; power: number }[]> {
  const every = 16;
  const last = 480;
  const sequence = await prefilled({ model, tokens }, every);
  const found: { decision: Decision; power: number }[] = [];
  for (let length = every; length < last; length += every) {
    const decision = await decisionAfter(sequence, length, tokens[length]!);
    found.push({ decision, power: controlPower(decision) });
    await sequence.cycle({
      keep: 0,
      tokens: tokens.subarray(length, length + every),
      depth: 0,
      draft: null,
      logits: 'none',
      candidates: { temperature: 1, count: 1 },
      draw: null,
      edits: [],
    });
    await sequence.commit(every);
  }
  await disposeAll(sequence);
  return found
    .filter(({ power }) => power >= wantedPower)
    .toSorted((a, b) => b.decision.p.ids.length - a.decision.p.ids.length)
    .slice(0, count);
}
