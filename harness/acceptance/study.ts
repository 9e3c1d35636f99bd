import { z } from 'zod';
import { MtplxError } from '../../runtime/index.ts';
import type { DecodingOptions } from '../../runtime/decoding/cycle.ts';
import { type Arm, armsOf } from '../bench/arms.ts';
import type { GenerationSetup } from '../bench/generations.ts';
import { jobDecoding, measure } from '../bench/measure.ts';
import { encodePrompts } from '../bench/prompts.ts';
import { generationColumns, generationRows, generationsOf, rateOfRows } from '../bench/rows.ts';
import { type Job, jobSeed } from '../bench/schedule.ts';
import { openSetup, type SuiteOptions, suiteSpec, suiteSpecSchema } from '../bench/setup.ts';
import { chooseSuite, openSuite, suiteChoice } from '../bench/suite-choice.ts';
import type { Columns, RowOf } from '../experiments/columns.ts';
import type { Environment, Experiment, OpenExperiment } from '../experiments/experiment.ts';
import { describeModel } from '../experiments/model.ts';
import { headerOf } from '../header.ts';
import { loadSuite } from '../suites/suite.ts';
import { type Cell, cellKey, type CellOptions, cellsOf, cellSchema, contextOf } from './cells.ts';
import { type AcceptanceStudy, acceptanceStudySchema } from './document.ts';
import { type StudyGeneration, summariseStudy } from './study-summary.ts';

const specSchema = suiteSpecSchema.extend({
  depth: z.int().min(1).max(8),
  runs: z.int().min(1),
  cells: z.array(cellSchema).min(1),
  /** Whose prompts' ends are the contexts. */
  context_suite: suiteChoice.nullable(),
});

export type StudySpec = z.infer<typeof specSchema>;

export const studyColumns = {
  ...generationColumns,
  /** `sampling` or `context`, and what of it: the context in tokens is null in the first. */
  series: 'text',
  temperature: 'float',
  context: 'int?',
} as const satisfies Columns;

type StudyRow = RowOf<typeof studyColumns>;

export interface StudyOptions extends SuiteOptions, CellOptions {
  depth: number;
  runs: number;
  contextSuite: string;
}

/** The cell of the suite's own temperature and rule is always there. @throws MtplxError MTPLX_E_SUITE_UNKNOWN */
export async function studySpec(options: StudyOptions): Promise<StudySpec> {
  const shared = await suiteSpec(options);
  const cells = cellsOf({
    temperatures: [...options.temperatures, shared.suite.settings.sampler.temperature],
    rules: [...options.rules, shared.acceptance],
    contexts: options.contexts,
  });
  const context_suite = options.contexts.length > 0 ? chooseSuite(await loadSuite(options.contextSuite)) : null;
  return { ...shared, depth: options.depth, runs: options.runs, cells, context_suite };
}

/**
 * Acceptance by position, temperature, rule, prompt and length of the context. A unit is one generation; speeds are
 * recorded and not reported.
 */
export const study: Experiment<StudySpec, typeof studyColumns, AcceptanceStudy> = {
  name: 'acceptance',
  specVersion: 1,
  specSchema,
  resultSchema: acceptanceStudySchema,
  columns: studyColumns,
  units: (spec) =>
    tasksOf(spec).map((task) => {
      const { cell, run, promptId } = task;
      // A prompt's token takes about a tenth of a new one's time.
      const prefill = cell.series === 'context' ? cell.context / 10 : 0;
      const cost = suiteOf(spec, cell).settings.max_tokens + prefill;
      return { key: taskKey(task), text: `repeat ${run + 1}, ${cellKey(cell)}, ${promptId}`, cost };
    }),
  open: openStudy,
  summarise: (spec, rows, context) => {
    const { acceptance, depth, runs, seed, suite, cells, context_suite } = spec;
    const base = baseCell(spec);
    return {
      ...headerOf(suite, context),
      acceptance,
      depth,
      runs,
      seed,
      context_suite: context_suite?.name ?? null,
      ...summariseStudy(studyGenerations(spec, rows), { cells, base, seed }),
    };
  },
  rate: rateOfRows,
  headline: ({ by_sampling, acceptance, sampler, depth }) => {
    const own = by_sampling.find((r) => r.acceptance === acceptance && r.temperature === sampler.temperature)!;
    return `${own.accepted_length.value.toFixed(2)} tokens a cycle at depth ${depth}, T ${sampler.temperature}`;
  },
};

/** One generation. */
interface Task {
  cell: Cell;
  run: number;
  /** Index in the cell's suite, and the id there. */
  prompt: number;
  promptId: string;
}

function tasksOf(spec: StudySpec): Task[] {
  return Array.from({ length: spec.runs }, (_, run) =>
    spec.cells.flatMap((cell) =>
      suiteOf(spec, cell).prompts.map((promptId, prompt) => ({ cell, run, prompt, promptId })),
    ),
  ).flat();
}

function taskKey({ cell, run, promptId }: Task): string {
  return `${cellKey(cell)}/${run}/${promptId}`;
}

function suiteOf({ suite, context_suite }: StudySpec, cell: Cell): StudySpec['suite'] {
  return cell.series === 'context' ? context_suite! : suite;
}

function baseCell({ suite, acceptance }: StudySpec): Cell {
  return { series: 'sampling', temperature: suite.settings.sampler.temperature, acceptance };
}

async function openStudy(spec: StudySpec, environment: Environment): Promise<OpenExperiment<StudyRow>> {
  const arm = armsOf([spec.depth]).find(({ depth }) => depth === spec.depth)!;
  const setup = await openSetup(spec, [arm], environment);
  try {
    const contexts = await openContexts(spec, setup);
    const tasks = new Map(tasksOf(spec).map((task) => [taskKey(task), task]));
    return {
      ...describeModel(setup.model),
      run: async ({ key }, signal) => runTask(spec, tasks.get(key)!, arm, { setup, contexts }, signal),
      close: () => setup.model.dispose(),
    };
  } catch (error) {
    await setup.model.dispose();
    throw error;
  }
}

/** The context suite with its prompts encoded. @throws MtplxError MTPLX_E_OPTION when they are all too short */
async function openContexts(spec: StudySpec, { model, now }: GenerationSetup): Promise<GenerationSetup | null> {
  if (spec.context_suite === null) return null;
  const suite = await openSuite(spec.context_suite);
  const prompts = await encodePrompts(suite, model);
  const longest = Math.max(...prompts.map(({ length }) => length));
  for (const cell of spec.cells)
    if (cell.series === 'context' && prompts.every((prompt) => contextOf(prompt, cell.context) === null))
      throw new MtplxError('MTPLX_E_OPTION', {
        option: '--contexts',
        problem: `no prompt of ${suite.name} has ${cell.context} tokens; the longest has ${longest}`,
      });
  return { suite, model, prompts, now };
}

async function runTask(
  spec: StudySpec,
  { cell, run, prompt }: Task,
  arm: Arm,
  open: { setup: GenerationSetup; contexts: GenerationSetup | null },
  signal: AbortSignal | undefined,
): Promise<StudyRow[]> {
  const setup = cell.series === 'context' ? open.contexts! : open.setup;
  const { suite, model, prompts, now } = setup;
  const tokens = cell.series === 'context' ? contextOf(prompts[prompt]!, cell.context) : prompts[prompt]!;
  // Too short for this context: the cell has one prompt less.
  if (tokens === null) return [];
  const acceptance = cell.series === 'sampling' ? cell.acceptance : spec.acceptance;
  const job: Job = { run, prompt, arm, acceptance, seed: jobSeed(spec.seed, prompt, run) };
  const own = jobDecoding(suite, model, job, signal);
  const temperature = cell.series === 'sampling' ? cell.temperature : own.sampler.temperature;
  const decoding: DecodingOptions = { ...own, sampler: { ...own.sampler, temperature } };
  const generation = await measure(model, tokens, job, decoding, now);
  const context = cell.series === 'context' ? cell.context : null;
  const ids = suite.prompts.map(({ id }) => id);
  return generationRows(generation, ids).map((row) => ({ ...row, series: cell.series, temperature, context }));
}

/** Generations with their cells again, from the rows. */
function studyGenerations(spec: StudySpec, rows: readonly StudyRow[]): StudyGeneration[] {
  return spec.cells.flatMap((cell) => {
    const ids = suiteOf(spec, cell).prompts;
    const own = rows.filter((row) =>
      cell.series === 'context'
        ? row.context === cell.context
        : row.series === 'sampling' && row.temperature === cell.temperature && row.acceptance === cell.acceptance,
    );
    return generationsOf(own, ids).map((generation) => ({ cell, prompt: ids[generation.job.prompt]!, generation }));
  });
}
