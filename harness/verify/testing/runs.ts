import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Model } from '../../../runtime/index.ts';
import { numericsVersion } from '../../../runtime/numerics.ts';
import { generationRows } from '../../bench/rows.ts';
import { chooseSuite } from '../../bench/suite-choice.ts';
import { fakeGeneration } from '../../bench/testing/generations.ts';
import type { RunDescription } from '../../experiments/description.ts';
import { factsOf } from '../../exactness/context.ts';
import type { StoredRow } from '../../experiments/experiment.ts';
import { runFiles } from '../../experiments/folder.ts';
import { chooseModel, describeModel } from '../../experiments/model.ts';
import { runExperiment } from '../../experiments/run.ts';
import { loadSuite } from '../../suites/suite.ts';
import { caseRow, stepRow, verification, type verifyColumns } from '../experiment.ts';
import { plannedCases, specOfSize, type VerifyOptions, type VerifySpec } from '../spec.ts';
import { speedUnits } from '../speed.ts';

/** Verifications without an engine, for tests. */

export const hash = 'a'.repeat(64);
const suiteFile = chooseSuite(await loadSuite('cold-long-code-192'));

/** A spec for a machine whose plain step takes `step` milliseconds. */
export function specFor(size: VerifyOptions['size'], step: number, vocabSize = 4096): VerifySpec {
  return specOfSize(size, {
    model: { folder: null, name: 'model', hash },
    facts: { mtp: true, goldens: false, vocabSize, maxPositions: 8192 },
    suite: suiteFile,
    seed: 0,
    step_times: { step, row: step / 8, prefill: step / 8 },
    threads: null,
    backend: 'cpu',
  });
}

export const description: RunDescription = {
  experiment: 'verify',
  spec_version: 1,
  spec: {},
  mtplx: '0.1.0',
  numerics_version: numericsVersion,
  commit: 'c'.repeat(40),
  dirty: false,
  machine: {
    cpu: 'a CPU',
    cores: 2,
    usable_cores: 2,
    memory_bytes: 2 ** 33,
    os: 'linux',
    arch: 'x64',
    governor: null,
    load_average: [0, 0, 0],
    node: 'v24',
  } as unknown as RunDescription['machine'],
  engine: { backend: 'cpu', mlx: '0.32', isa: 'avx2', isas: ['scalar', 'avx2'], threads: 2, compiler: 'g++' },
  model: { name: 'model', hash, family: 'qwen3_5', weight_bytes: 1 },
  started: '2026-11-24T18:00:00.000Z',
};

/** Rows of a run in which every case did what it should, but those that `wrong` names. */
export function rowsOf(
  spec: VerifySpec,
  wrong: (key: string) => boolean = () => false,
): StoredRow<typeof verifyColumns>[] {
  const cases = plannedCases(spec).map(({ key, gate, gateCase: { key: name, control } }) => {
    const passed = control === wrong(key);
    const bits = { compared: 10, differing: passed ? 0 : 1, differing_bits: 0, max_diff: 0, toy_models: 1 };
    const figures = gate.name === 'head' ? wirings : bits;
    const report = { key: name, control, passed, problem: passed ? null : 'x', figures, seconds: 1 };
    return { ...caseRow(gate.name, report), unit: key };
  });
  const speed = [...speedUnits(spec)].flatMap(([unit, jobs]) =>
    jobs.flatMap(({ prompt, run, arm }) => {
      // A cycle costs 1 + depth / 4 plain steps and emits 1 + depth / 2 tokens: deeper is faster.
      const cycle = { accepted: Math.floor(arm.depth / 2), wall: 10 * (1 + arm.depth / 4) };
      const generation = fakeGeneration({ depth: arm.depth, prompt, run, cycles: [cycle, cycle, cycle] });
      return generationRows(generation, spec.suite.prompts).map((row) => ({ ...stepRow(row), unit }));
    }),
  );
  return [...cases, ...speed];
}

const wirings = {
  right: [0.8, 0.7, 0.75, 0.8],
  'swapped concat': [0.1, 0.1, 0.1, 0.1],
  'pre-norm hidden': [0.5, 0.5, 0.5, 0.5],
  'cold cache': [0.6, 0.5, 0.6, 0.6],
};

/** The verification with canned rows in the place of the engine; see rowsOf. */
export function cannedVerification(wrong?: (key: string) => boolean): ReturnType<typeof verification> {
  return {
    ...verification(),
    open: async (spec) => {
      const rows = rowsOf(spec, wrong);
      return {
        engine: description.engine,
        model: description.model,
        run: async ({ key }) => rows.flatMap(({ unit, ...row }) => (unit === key ? [row] : [])),
        close: async () => undefined,
      };
    },
  };
}

/**
 * A quick verification of a loaded model that was stopped when all was done but the cases that `left` names: what is
 * done is canned, and who resumes it really runs the rest. @returns its folder below `parent`
 */
export async function almostVerified(parent: string, model: Model, left: (key: string) => boolean): Promise<string> {
  const spec = { ...specFor('quick', 5), model: await chooseModel(model.folder.folder), facts: factsOf(model) };
  const canned = cannedVerification();
  const open: typeof canned.open = async (...given) => ({ ...(await canned.open(...given)), ...describeModel(model) });
  const { folder } = await runExperiment({ ...canned, open }, spec, { parent });
  const journal = join(folder, runFiles.journal);
  const lines = (await readFile(journal, 'utf8')).split('\n');
  const kept = lines.filter((line) => line === '' || !left((JSON.parse(line) as { unit?: string }).unit ?? ''));
  await writeFile(journal, kept.join('\n'));
  for (const file of [runFiles.record, runFiles.result]) await rm(join(folder, file));
  return folder;
}
