import type { GateContext } from '../gate.ts';
import { disposeAll, prefilled, silent } from '../sequences.ts';
import { type Capture, capture } from './capture.ts';
import { type ListedMutation, listed, mutationOf } from './mutations.ts';
import { expectedSamples, mutatedSamples, pairTests, power, type TestName, testNames, wantedPower } from './tests.ts';

/** Where a mutation is tested: the test with the most power there. */
export interface Cover {
  place: Capture;
  test: TestName;
  power: number;
}

export interface Places {
  places: Capture[];
  covers: Map<ListedMutation, Cover>;
  searched: number;
}

/** At least so many places are tested, and a p with too many members would take long to integrate over. */
const fewest = 2;
const support = { least: 4, most: 16 };
const every = 24;
const begin = 40;

/**
 * Walks along the text until every listed mutation has a test that sees it with the wanted power, and takes the places
 * that show one which none before did. At many places a wrong sampler cannot be seen, so most are of no use.
 */
export async function findPlaces(
  context: Pick<GateContext, 'engine' | 'tokens'>,
  draws: number,
  most: number,
): Promise<Places> {
  const found: Places = { places: [], covers: new Map(), searched: 0 };
  const sequence = await prefilled(context, begin + 1);
  const enough = () => found.places.length >= fewest && found.covers.size === listed.length;
  for (let length = begin; found.searched < most && !enough(); length += every) {
    found.searched++;
    const place = await capture(context, await sequence.fork(), length, true);
    if (suits(place)) consider(found, place, draws);
    const tokens = context.tokens.slice(length + 1, length + 1 + every);
    await sequence.cycle({ ...silent, keep: 0, tokens });
    await sequence.commit(every);
  }
  await disposeAll(sequence);
  return found;
}

function suits({ p, q, prefix }: Capture): boolean {
  const size = p.p.ids.length;
  return size >= support.least && size <= support.most && q.q.ids.length <= 20 && prefix.tokens.length > 0;
}

function consider(found: Places, place: Capture, draws: number): void {
  const expected = expectedSamples(place);
  let useful = found.places.length < fewest;
  for (const name of listed) {
    if (found.covers.has(name)) continue;
    const mutated = mutatedSamples(place, mutationOf(name));
    const lost = (test: TestName) => (pairTests.includes(test) ? mutated.lost : 0);
    const powers = testNames.map((test) => power(expected[test], mutated[test], lost(test), draws));
    const best = Math.max(...powers);
    if (best < wantedPower) continue;
    // Of equal ones the last: its draws cost least.
    found.covers.set(name, { place, test: testNames[powers.lastIndexOf(best)]!, power: best });
    useful = true;
  }
  if (useful) found.places.push(place);
}
