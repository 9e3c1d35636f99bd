import { type Distribution, probability } from '../../../runtime/decoding/distribution.ts';
import { purposes } from '../../../runtime/decoding/random.ts';
import { exactParts } from '../../../runtime/decoding/testing/rule-of.ts';
import { chiSquarePower, chiSquareTest, inCells, mergeCells } from '../../statistics.ts';
import type { Capture } from './capture.ts';
import { believed, pairLaw, threshold } from './law.ts';
import { type Mutation, reportedQ } from './mutations.ts';

export const falseAlarms = 1e-9;
export const wantedPower = 0.999;
/** A merged cell expects at least this many draws. */
export const smallestCell = 20;

/** What a distribution is tested on. `share`: of all draws, those that reach the test. */
export interface Sample {
  share: number;
  law: Map<string, number>;
}

export const testNames = ['token 1', 'tokens 1 and 2', 'first draft', 'after a rejection', 'bonus'] as const;
export type TestName = (typeof testNames)[number];
/** Tests of whole cycles; the others decide on fixed drafts. */
export const pairTests: readonly TestName[] = ['token 1', 'tokens 1 and 2'];

/** What each test expects: the target p by the formula, in float64; nothing of it comes from the decoding code. */
export function expectedSamples({ p, emitted, prefix }: Capture): Record<TestName, Sample> {
  const [p0, p1, pK] = prefix.p.map((row) => row.p) as [Distribution, Distribution, Distribution];
  const [q0, q1] = prefix.q.map(({ q }) => q) as [Distribution, Distribution];
  const [d0, d1] = prefix.tokens as [number, number];
  const accepted = (row: Distribution, q: Distribution, draft: number) =>
    Math.min(1, probability(row, draft) / probability(q, draft));
  const first = accepted(p0, q0, d0);
  // (p - q)+ / Z
  const rest = [...p0.ids].map((id, i): [string, number] => [
    `${id}`,
    Math.max(0, p0.probabilities[i]! - probability(q0, id)),
  ]);
  const z = rest.reduce((sum, [, mass]) => sum + mass, 0);
  return {
    'token 1': { share: 1, law: named(p.p) },
    'tokens 1 and 2': {
      share: 1,
      law: new Map(
        [...p.p.ids].flatMap((t1, i) => {
          const next = emitted.get(t1)!.p.p;
          return [...next.ids].map((t2, j): [string, number] => [
            `${t1},${t2}`,
            p.p.probabilities[i]! * next.probabilities[j]!,
          ]);
        }),
      ),
    },
    'first draft': {
      share: 1,
      law: new Map([
        ['accepted', first],
        ['refused', 1 - first],
      ]),
    },
    'after a rejection': { share: 1 - first, law: new Map(rest.map(([id, mass]) => [id, mass / z])) },
    bonus: { share: first * accepted(p1, q1, d1), law: named(pK) },
  };
}

function named({ ids, probabilities }: Distribution): Map<string, number> {
  return new Map([...ids].map((id, i) => [`${id}`, probabilities[i]!]));
}

/** What a mutation gives in each test, exactly. `lost`: probability that a cycle ends in an error, which is seen. */
export function mutatedSamples(place: Capture, mutation: Mutation): Record<TestName, Sample> & { lost: number } {
  const { pairs, errors } = pairLaw(place, mutation);
  const first = new Map<string, number>();
  for (const [pair, mass] of pairs) {
    const [t1] = pair.split(',') as [string];
    first.set(t1, (first.get(t1) ?? 0) + mass);
  }
  return {
    'token 1': { share: 1, law: first },
    'tokens 1 and 2': { share: 1, law: pairs },
    ...prefixSamples(place, mutation),
    lost: errors,
  };
}

/** The same of fixed drafts. Only accepting and the residual may share a number here. */
function prefixSamples(
  { prefix }: Capture,
  mutation: Mutation,
): Pick<Record<TestName, Sample>, 'first draft' | 'after a rejection' | 'bonus'> {
  const { accept, rest, bonusRow } = { ...exactParts, ...mutation.rule };
  const rowAt = (r: number) => believed(mutation, prefix.p[mutation.reports.row?.(r, prefix.p.length) ?? r]!);
  const limit = (i: number): number => {
    const q = reportedQ(mutation, prefix.q[i]!);
    const [token, p] = [prefix.tokens[i]!, rowAt(i)];
    return threshold((u) => accept(u, probability(p, token), probability(q, token), token, p));
  };
  const first = limit(0);
  const shared = mutation.site(0, purposes.accept, 0) === mutation.site(0, purposes.residual, 0);
  const left = rest(rowAt(0), reportedQ(mutation, prefix.q[0]!));
  const from = shared ? first : 0;
  const law = new Map<string, number>();
  let sum = 0;
  left.ids.forEach((id, i) => {
    // The last id takes what an unnormalised residual lacks.
    const end = i === left.ids.length - 1 ? 1 : Math.min(1, sum + left.probabilities[i]!);
    const length = Math.max(0, end - Math.max(sum, from));
    law.set(`${id}`, (law.get(`${id}`) ?? 0) + (from < 1 ? length / (1 - from) : 0));
    sum = end;
  });
  const together = mutation.site(0, purposes.accept, 0) === mutation.site(1, purposes.accept, 0);
  return {
    'first draft': {
      share: 1,
      law: new Map([
        ['accepted', first],
        ['refused', 1 - first],
      ]),
    },
    'after a rejection': { share: 1 - first, law },
    bonus: {
      share: together ? Math.min(first, limit(1)) : first * limit(1),
      law: named(rowAt(bonusRow(prefix.tokens.length))),
    },
  };
}

interface Cells {
  names: string[];
  cells: number[];
  expected: number[];
}

function cellsOf({ law }: Sample, draws: number): Cells {
  const [names, probabilities] = [[...law.keys()], [...law.values()]];
  const cells = mergeCells(probabilities, draws, smallestCell);
  return { names, cells, expected: inCells(probabilities, cells) };
}

/** Probability that the test refuses `found` in place of `expected`. 0 where there is one cell: nothing can be tested. */
export function power(expected: Sample, found: Sample, lost: number, draws: number): number {
  const reached = Math.floor(draws * found.share);
  if (reached * Math.min(1, expected.share) < smallestCell) return lost > 0 ? seenOnce(lost, draws) : 0;
  const { names, cells, expected: probabilities } = cellsOf(expected, reached);
  const inside = names.map((name) => found.law.get(name) ?? 0);
  const outside = Math.max(0, 1 - lost - inside.reduce((a, b) => a + b, 0));
  // Smaller than what rounding leaves.
  const strange = seenOnce(lost + (outside > 1e-9 ? outside : 0), reached);
  if (probabilities.length < 2) return strange;
  const total = inside.reduce((a, b) => a + b, 0);
  if (total === 0) return strange;
  const alternative = inCells(inside, cells).map((mass) => mass / total);
  return Math.max(strange, chiSquarePower(probabilities, alternative, Math.floor(reached * total), falseAlarms));
}

function seenOnce(probabilityOfOne: number, draws: number): number {
  return 1 - (1 - Math.min(1, probabilityOfOne)) ** draws;
}

export interface TestResult {
  statistic: number;
  df: number;
  pValue: number;
  draws: number;
  /** Expected draws of the smallest cell. */
  smallest: number;
}

/** χ² of counts against what is expected; an outcome that cannot be makes pValue 0. null where nothing can be tested. */
export function testCounts(expected: Sample, counts: ReadonlyMap<string, number>): TestResult | null {
  const draws = [...counts.values()].reduce((a, b) => a + b, 0);
  if (draws < smallestCell) return null;
  const { names, cells, expected: probabilities } = cellsOf(expected, draws);
  const possible = new Set(names.filter((name) => expected.law.get(name)! > 0));
  const strange = [...counts.keys()].some((name) => !possible.has(name));
  const smallest = Math.min(...probabilities) * draws;
  if (probabilities.length < 2) return { statistic: 0, df: 0, pValue: strange ? 0 : 1, draws, smallest };
  const found = inCells(
    names.map((name) => counts.get(name) ?? 0),
    cells,
  );
  // Nothing but what cannot be: there is no χ² of it.
  if (found.every((count) => count === 0))
    return { statistic: Infinity, df: probabilities.length - 1, pValue: 0, draws, smallest };
  const result = chiSquareTest(found, probabilities);
  return { ...result, draws, smallest, ...(strange ? { pValue: 0 } : {}) };
}
