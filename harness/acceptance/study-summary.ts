import type { CycleRecord } from '../../runtime/decoding/cycle.ts';
import { mean, ratio, sum } from '../averages.ts';
import type { MeasuredGeneration } from '../bench/measure.ts';
import { bootstrap } from '../intervals.ts';
import { type Cell, cellKey } from './cells.ts';
import type { Acceptance, AcceptanceStudy } from './document.ts';
import { lengthOf, positionsOf } from './positions.ts';

/** A generation and the cell that it belongs to; `prompt` is the prompt's id. */
export interface StudyGeneration {
  cell: Cell;
  prompt: string;
  generation: MeasuredGeneration;
}

export interface StudySummaryOptions {
  cells: readonly Cell[];
  /** The cell by whose generations prompts are compared. */
  base: Cell;
  /** Of the bootstrap. */
  seed: number;
}

export type StudySummary = Pick<AcceptanceStudy, 'by_sampling' | 'coupled_over_leviathan' | 'by_prompt' | 'by_context'>;

/** What the generations of a study say. Definitions stand at the fields of document.ts. */
export function summariseStudy(
  generations: readonly StudyGeneration[],
  { cells, base, seed }: StudySummaryOptions,
): StudySummary {
  const of = (cell: Cell): StudyGeneration[] => generations.filter((g) => cellKey(g.cell) === cellKey(cell));
  const own = of(base);
  return {
    by_sampling: cells.flatMap((cell) =>
      cell.series === 'sampling'
        ? [{ temperature: cell.temperature, acceptance: cell.acceptance, ...acceptanceOf(of(cell), seed) }]
        : [],
    ),
    coupled_over_leviathan: rulePairs(cells).map(([coupled, leviathan]) => ({
      temperature: coupled.temperature,
      ratio: lengthRatio(of(coupled), of(leviathan), seed),
    })),
    by_prompt: [...new Set(own.map(({ prompt }) => prompt))].map((prompt) => {
      return { prompt, ...acceptanceOf(byPrompt(own).get(prompt)!, seed) };
    }),
    by_context: cells.flatMap((cell) =>
      cell.series === 'context' ? [contextResult(cell.context, of(cell), seed)] : [],
    ),
  };
}

function contextResult(
  context: number,
  generations: readonly StudyGeneration[],
  seed: number,
): AcceptanceStudy['by_context'][number] {
  return {
    context,
    prompts: byPrompt(generations).size,
    prompt_tokens: mean(generations.map(({ generation }) => generation.promptTokens)),
    ...acceptanceOf(generations, seed),
  };
}

function acceptanceOf(generations: readonly StudyGeneration[], seed: number): Acceptance {
  const cycles = generations.flatMap(cyclesOf);
  const [drafted, accepted] = [sum(cycles.map((c) => c.drafted)), sum(cycles.map((c) => c.accepted))];
  const texts = [...byPrompt(generations).values()].map((own) => own.map(cyclesOf));
  // A single text varies by its cycles alone.
  const clusters = generations.length === 1 ? [cycles.map((cycle) => [cycle])] : texts;
  return {
    generations: generations.length,
    cycles: cycles.length,
    drafted,
    accepted,
    acceptance_rate: ratio(accepted, drafted),
    accepted_length:
      clusters.length === 0
        ? { value: 0, low: 0, high: 0 }
        : bootstrap(clusters, (drawn) => lengthOf(drawn.flat(2)), { seed }),
    positions: positionsOf(cycles),
  };
}

type SamplingCell = Cell & { series: 'sampling' };

/** Both rules at one temperature. */
function rulePairs(cells: readonly Cell[]): [coupled: SamplingCell, leviathan: SamplingCell][] {
  const sampling = cells.filter((cell) => cell.series === 'sampling');
  return sampling
    .filter(({ acceptance }) => acceptance === 'coupled')
    .flatMap((coupled) => {
      const other = sampling.find((c) => c.temperature === coupled.temperature && c.acceptance === 'leviathan');
      return other === undefined ? [] : [[coupled, other] satisfies [SamplingCell, SamplingCell]];
    });
}

/** Prompts are drawn together for both, and their repeats in pairs. */
function lengthRatio(
  above: readonly StudyGeneration[],
  below: readonly StudyGeneration[],
  seed: number,
): AcceptanceStudy['coupled_over_leviathan'][number]['ratio'] {
  const bases = byPrompt(below);
  const clusters = [...byPrompt(above)].map(([prompt, own]) =>
    own.map((generation, i) => [cyclesOf(generation), cyclesOf(bases.get(prompt)![i]!)] as const),
  );
  const length = (drawn: typeof clusters, side: 0 | 1): number => lengthOf(drawn.flat().flatMap((pair) => pair[side]));
  return bootstrap(
    clusters,
    (drawn) => ratio(length(drawn as typeof clusters, 0), length(drawn as typeof clusters, 1)),
    { seed },
  );
}

function byPrompt(generations: readonly StudyGeneration[]): Map<string, StudyGeneration[]> {
  return Map.groupBy(generations, ({ prompt }) => prompt);
}

function cyclesOf({ generation }: StudyGeneration): CycleRecord[] {
  return generation.steps.flatMap(({ cycle }) => cycle ?? []);
}
