import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Model } from '../../../runtime/index.ts';
import type { NormGroup } from '../../../runtime/model/norm-convention.ts';
import { packageRoot } from '../../../runtime/package.ts';
import type { Wrap } from '../decoded.ts';
import { type CaseReport, type GateContext, type ModelFacts, runCase } from '../gate.ts';
import { gates } from '../gates.ts';
import { compareTexts, samplers } from '../identity.ts';
import { scales } from '../scale.ts';
import { noiseByRow, ownSay } from '../wrong-loops.ts';
import { faults } from './faults.ts';
import { loadWithDoubledNorms } from './norms.ts';

/** A bug, where it is switched on, and the gate that must catch it. */
export interface MutationCase {
  bug: string;
  where: 'engine build' | 'engine' | 'sampler' | 'loop' | 'head' | 'weights';
  gate: string;
  /** What the gate said against it; null when it said nothing. */
  run: () => Promise<string | null>;
}

export const faultyAddon = 'mtplx-faulty';

/** Every mutation of the repository on the embedded model. */
export function mutationSuite(model: Model, context: GateContext, facts: ModelFacts): MutationCase[] {
  return [
    ...faults.map(({ fault, gate, bug }): MutationCase => {
      return { bug: `${bug} (${fault})`, where: 'engine build', gate, run: () => onFaultyBuild(fault, [gate]) };
    }),
    ...controlCases(context, facts),
    ...wrongLoops(context),
    ...doubledNorms(model, context, facts),
  ];
}

/** What the gates say on the faulty build with a fault switched on, '' for none. */
export async function onFaultyBuild(fault: string, names: string[]): Promise<string | null> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [join(packageRoot, 'harness/exactness/mutations/run-gates.ts'), ...names],
    { env: { ...process.env, MTPLX_ADDON_NAME: faultyAddon, MTPLX_FAULT: fault }, maxBuffer: 2 ** 26 },
  );
  const reports = JSON.parse(stdout) as CaseReport[];
  if (reports.length === 0) throw new Error(`No case of ${names.join(', ')} ran.`);
  return problemOf(reports.find(({ passed }) => !passed));
}

/** The gates' own negative controls: wrong engines, wrong samplers, wrong heads. */
function controlCases(context: GateContext, facts: ModelFacts): MutationCase[] {
  const places: Record<string, MutationCase['where']> = {
    distribution: 'sampler',
    'sampler-oracle': 'sampler',
    head: 'head',
    identity: 'loop',
  };
  return gates.flatMap((gate) =>
    gate
      .cases(scales.quick, facts)
      .filter(({ control }) => control)
      .map((gateCase): MutationCase => {
        const { key } = gateCase;
        return {
          bug: key.startsWith('control: ')
            ? key.slice('control: '.length)
            : `${gate.control}${key.slice('control'.length)}`,
          where: places[gate.name] ?? 'engine',
          gate: gate.name,
          run: async () => problemOf(await runCase(gateCase, context)),
        };
      }),
  );
}

/** Greedy draws have no noise. */
function wrongLoops(context: GateContext): MutationCase[] {
  const bugs: [bug: string, wrap: Wrap, names: string[]][] = [
    ['a draft accepted on its own say', ownSay, ['T 0', 'T 0.6', 'T 1, no filters']],
    ['noise keyed by the row in the cycle', noiseByRow, ['T 0.6']],
  ];
  return bugs.flatMap(([bug, wrap, names]) =>
    names.map((name): MutationCase => {
      const run = () =>
        compareTexts({ ...context, failFast: true }, samplers[name]!, { text: 0, tokens: 60, depths: [3], wrap });
      return { bug: `${bug}, ${name}`, where: 'loop', gate: 'identity', run: async () => problemOf(await run()) };
    }),
  );
}

function doubledNorms(model: Model, context: GateContext, facts: ModelFacts): MutationCase[] {
  const bugs: [bug: string, groups: NormGroup[]][] = [
    ["norm + 1 doubled in the head's own norms alone (mixed)", ['mtp-own']],
    ["norm + 1 doubled in the head's layer", ['mtp-layer']],
    ['norm + 1 doubled in the trunk', ['trunk']],
  ];
  const gate = gates.find(({ name }) => name === 'reference')!;
  return bugs.map(([bug, groups]): MutationCase => {
    const run = async () => {
      await using wrong = await loadWithDoubledNorms(model.folder, groups);
      const [check] = gate.cases(scales.quick, facts);
      return problemOf(await runCase(check!, { ...context, model: wrong }));
    };
    return { bug, where: 'weights', gate: gate.name, run };
  });
}

function problemOf(finding: Pick<CaseReport, 'passed' | 'problem'> | undefined): string | null {
  return finding === undefined || finding.passed ? null : (finding.problem ?? 'failed');
}
