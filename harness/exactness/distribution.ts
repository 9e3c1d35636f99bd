import { decode, type DecodingTarget } from '../../runtime/decoding/cycle.ts';
import { type Capture, draftSampler, sampler } from './distribution/capture.ts';
import { CachedTarget } from './distribution/cached-target.ts';
import { type Drawn, drawPairs, drawPrefix, pairOn } from './distribution/draws.ts';
import { mmdTest } from './distribution/mmd.ts';
import { exact, type ListedMutation, listed, mutationOf } from './distribution/mutations.ts';
import { findPlaces, type Places } from './distribution/places.ts';
import { expectedSamples, falseAlarms, pairTests, testCounts, testNames } from './distribution/tests.ts';
import type { GateEngine, GateSequence } from './engine.ts';
import type { Finding, Gate, GateContext } from './gate.ts';
import { prefilled } from './sequences.ts';
import { type Seat, sideBySide } from './together.ts';

/** Of whole texts: drafts a cycle, splits of the permutation test, and the p-value that refuses. */
const textDepth = 3;
const permutations = 9999;
const textFalseAlarms = 1e-3;
const textBegin = 88;
const controlTemperature = 2;
/** Texts that are decoded side by side. */
const textsTogether = 8;

/** Leviathan's texts have the target's law: token by token, after fixed drafts, and as whole texts. */
export const distributionGate: Gate = {
  name: 'distribution',
  claim:
    'sampled tokens have the float64 distribution p, the residual (p - q)+ / Z and the bonus p_K; texts that of AR',
  control: `each of ${listed.length} wrong samplers where its computed power is at least 0.999, and texts at another T`,
  absent: ({ mtp }) => (mtp ? null : 'the model has no MTP head'),
  cases: (scale) => [
    {
      key: 'tokens and fixed drafts',
      control: false,
      cost: { prefill: 400, steps: 40 * 8, rows: 400, seconds: scale.draws / 10_000 },
      run: (context) => testTokens(context, scale),
    },
    {
      key: 'whole cycles',
      control: false,
      cost: { prefill: 100, steps: 2.5 * scale.cycles },
      run: (context) => testCycles(context, scale),
    },
    {
      key: 'whole texts',
      control: false,
      cost: { prefill: 2 * textBegin, steps: 1.6 * scale.mmd_texts * scale.mmd_tokens, seconds: scale.mmd_texts / 50 },
      run: (context) => testTexts(context, scale, sampler.temperature),
    },
    ...listed.map((name) => ({
      key: `control: ${name}`,
      control: true,
      cost: { seconds: scale.draws / 60_000 },
      run: (context: GateContext) => testMutation(context, scale, name),
    })),
    {
      key: 'control: texts at T = 2',
      control: true,
      cost: { prefill: 2 * textBegin, steps: 1.6 * scale.mmd_texts * scale.mmd_tokens, seconds: scale.mmd_texts / 50 },
      run: (context) => testTexts(context, scale, controlTemperature),
    },
  ],
  summarise: (figures) => Object.assign({}, ...figures) as (typeof figures)[number],
};

interface Sizes {
  draws: number;
  cycles: number;
  mmd_texts: number;
  mmd_tokens: number;
  places: number;
}

const known = new WeakMap<GateEngine, Promise<Places>>();

/** The places of an engine, found once a process: they follow from the model and the text alone. */
function placesOf(context: GateContext, { draws, places }: Sizes): Promise<Places> {
  const found = known.get(context.engine) ?? findPlaces(context, draws, places);
  known.set(context.engine, found);
  return found;
}

async function testTokens(context: GateContext, sizes: Sizes): Promise<Finding> {
  const { places, covers, searched } = await placesOf(context, sizes);
  const problems = listed.filter((name) => !covers.has(name)).map((name) => `no place shows "${name}"`);
  const results = [];
  for (const place of places) {
    const pairs = await drawPairs(place, exact, sizes.draws, context.engine.spec.vocabSize);
    const fixed = drawPrefix(place, exact, sizes.draws);
    const errors = pairs.errors + fixed.errors;
    if (errors > 0) problems.push(`${errors} draws ended in an error after ${place.length} tokens`);
    for (const { test, ...result } of testAll(place, pairs, fixed)) {
      results.push(result);
      if (result.pValue <= falseAlarms)
        problems.push(
          `${test} after ${place.length} tokens: χ²(${result.df}) = ${result.statistic}, p ${result.pValue}`,
        );
    }
  }
  return {
    passed: problems.length === 0,
    figures: {
      places: places.map(({ length }) => length),
      places_searched: searched,
      draws: sizes.draws,
      tests: results.length,
      smallest_p: Math.min(1, ...results.map(({ pValue }) => pValue)),
      smallest_cell: Math.min(...results.map(({ smallest }) => smallest)),
      mutations: covers.size,
      smallest_power: Math.min(1, ...[...covers.values()].map(({ power }) => power)),
    },
    problem: problems[0] ?? null,
  };
}

function testAll(place: Capture, pairs: Drawn, fixed: Drawn) {
  const expected = expectedSamples(place);
  return testNames.flatMap((test) => {
    const { counts } = pairTests.includes(test) ? pairs : fixed;
    const result = testCounts(expected[test], counts[test]);
    return result === null ? [] : [{ test, ...result }];
  });
}

/** A wrong sampler on the place and in the test that see it best; an error is seen too. */
async function testMutation(context: GateContext, sizes: Sizes, name: ListedMutation): Promise<Finding> {
  const cover = (await placesOf(context, sizes)).covers.get(name);
  if (cover === undefined) return { passed: false, figures: { test: null }, problem: 'no place shows it' };
  const { place, test, power } = cover;
  const mutation = mutationOf(name);
  const { counts, errors } = pairTests.includes(test)
    ? await drawPairs(place, mutation, sizes.draws, context.engine.spec.vocabSize)
    : drawPrefix(place, mutation, sizes.draws);
  const result = testCounts(expectedSamples(place)[test], counts[test]);
  const p = errors > 0 ? 0 : (result?.pValue ?? 1);
  const passed = p > falseAlarms;
  const problem = passed ? null : `${test} after ${place.length} tokens: p ${p}${errors ? `, ${errors} errors` : ''}`;
  return { passed, figures: { test, place: place.length, power, p }, problem };
}

/** Whole cycles of the engine emit, seed by seed, what the cached engine emits. */
async function testCycles(context: GateContext, sizes: Sizes): Promise<Finding> {
  const [place] = (await placesOf(context, sizes)).places;
  if (place === undefined) return { passed: false, figures: {}, problem: 'no place is of use' };
  const base = await prefilled(context, place.length);
  const { vocabSize } = context.engine.spec;
  let problem: string | null = null;
  for (let seed = 0; seed < sizes.cycles && problem === null; seed++) {
    const fork = await base.fork();
    const found = await pairOn(beginningWith(place.first, fork), place, exact, seed, vocabSize);
    await fork.dispose();
    const expected = await pairOn(new CachedTarget(place), place, exact, seed, vocabSize);
    if (found?.join() !== expected?.join())
      problem = `seed ${seed}: the engine emits ${String(found)}, its rows give ${String(expected)}`;
  }
  await base.dispose();
  return { passed: problem === null, figures: { cycles: sizes.cycles }, problem };
}

/** The prompt's row gives `token` for sure, as the cached engine does it. */
function beginningWith(token: number, sequence: GateSequence): DecodingTarget {
  let calls = 0;
  return {
    commit: (keep) => sequence.commit(keep),
    async cycle(entry) {
      const result = await sequence.cycle(entry);
      if (++calls > 1) return result;
      const ids = result.ids.map((_, i) => (i === 0 ? token : -1));
      const logits = result.logits.map((_, i) => (i === 0 ? 0 : -Infinity));
      return { ...result, ids, logits, logSums: Float64Array.of(0, 0) };
    },
  };
}

/** Speculative texts, their target at `temperature`, against plain ones at the sampler's. */
async function testTexts(context: GateContext, sizes: Sizes, temperature: number): Promise<Finding> {
  const base = await prefilled(context, textBegin);
  const texts = async (depth: number, firstSeed: number, at: number): Promise<number[][]> => {
    const textOf = async (seed: number, seat: Seat): Promise<number[]> => {
      const fork = await base.fork();
      const ids: number[] = [];
      const steps = decode(seat(fork), context.tokens.slice(textBegin, textBegin + 1), textBegin, {
        sampler: { ...sampler, temperature: at },
        draftSampler,
        acceptance: 'leviathan',
        key: { seed: BigInt(seed), choice: 0 },
        depth,
        maxTokens: sizes.mmd_tokens,
        stopIds: new Set(),
        vocabSize: context.engine.spec.vocabSize,
      });
      for await (const { tokens } of steps) ids.push(...tokens);
      await fork.dispose();
      return ids;
    };
    const all: number[][] = [];
    for (let i = 0; i < sizes.mmd_texts; i += textsTogether) {
      const seeds = Array.from({ length: Math.min(textsTogether, sizes.mmd_texts - i) }, (_, n) => firstSeed + i + n);
      all.push(
        ...(await sideBySide(
          context.engine,
          seeds.map((seed) => (seat) => textOf(seed, seat)),
        )),
      );
    }
    return all;
  };
  const plain = await texts(0, 1_000_000, sampler.temperature);
  const speculative = await texts(textDepth, 1, temperature);
  await base.dispose();
  const { mmd2, pValue } = mmdTest(speculative, plain, permutations);
  const passed = pValue >= textFalseAlarms;
  return {
    passed,
    figures: { texts: sizes.mmd_texts, text_tokens: sizes.mmd_tokens, mmd2, mmd_p: pValue },
    problem: passed ? null : `MMD² ${mmd2} of ${sizes.mmd_texts} texts, p ${pValue}`,
  };
}
