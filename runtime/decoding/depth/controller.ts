import {
  calmed,
  type DraftAcceptance,
  expectedTokens,
  hopedTokens,
  initialAcceptance,
  seenDrafts,
} from './acceptance.ts';
import { type CycleCost, initialCost, seenCycle, unseenCycle } from './cost.ts';
import { differenceVariance } from './gaussian.ts';

/** Drafts a cycle at most under control; `mtplx tune` measures as far. */
export const deepest = 5;

/** Why a depth is in use. */
export type DepthReason =
  /** Where a model starts, before anything was measured in this process. */
  | 'start'
  /** It is expected to give the most tokens a second. */
  | 'faster'
  /** A few cycles, to learn what another depth costs or gives. */
  | 'probe'
  /** The probe is over and found nothing better. */
  | 'return';

/** What is known when a model is loaded. */
export interface DepthStart {
  depth: number;
  /** Milliseconds of a cycle at depth 0, 1, …, measured on this machine. */
  cycleMs: readonly number[] | null;
  /** Acceptance at position 1, 2, …, given the one before. */
  acceptance: readonly number[] | null;
}

/** What a cycle showed. */
export interface DepthObservation {
  drafted: number;
  accepted: number;
  /** Nanoseconds of the whole cycle. */
  wall: number;
  /** The cycle also did work of earlier ones: the first after a prompt, and the first with drafts after plain ones. */
  catchesUp: boolean;
}

interface Probe {
  /** The depth to return to. */
  readonly from: number;
  readonly cycles: number;
  readonly accepted: number;
}

/** The controller's whole memory: plain numbers, never changed in place. */
export interface DepthState {
  /** Drafts of the next cycle. */
  readonly depth: number;
  readonly reason: DepthReason;
  readonly cost: CycleCost;
  readonly acceptance: DraftAcceptance;
  /** Cycles since a plain one was measured. */
  readonly sincePlain: number;
  readonly probe: Probe | null;
  /** Cycles since the last probe or change of depth. */
  readonly waited: number;
  /** Cycles to wait for the next probe, while drafting and while decoding plainly. */
  readonly interval: number;
  readonly plainInterval: number;
  /** Cycles since plain decoding was left; a probe of it does not count. */
  readonly drafting: number;
}

const probeCycles = 4;
/** From plain decoding: as many cycles without an accepted draft end a probe. */
const hopelessCycles = 2;
/** Plain decoding is the bar that drafts have to pass: so old a measure of it is taken again. */
const mostSincePlain = 500;
const firstInterval = 4;
const [leastInterval, mostInterval] = [32, 1024];
/** Drafting that ended sooner was a mistake: the wait for the next one goes on growing. */
const worthwhile = 64;
/** Plain decoding that keeps the state for drafts waits no longer than this. */
const mostPlainCycles = 256;
/** A change must promise this much: below, two depths are alike. */
const margin = 1.01;
/** Without drafts nothing is learned of them, and keeping the state for them costs too. */
const marginOfPlain = 1.02;

export function initialDepthState({ depth, cycleMs, acceptance }: DepthStart): DepthState {
  return {
    depth: Math.min(depth, deepest),
    reason: 'start',
    cost: initialCost(deepest, cycleMs),
    acceptance: initialAcceptance(deepest, acceptance),
    sincePlain: cycleMs === null ? mostSincePlain : 0,
    probe: null,
    waited: 0,
    interval: cycleMs === null ? firstInterval : leastInterval,
    plainInterval: leastInterval,
    drafting: 0,
  };
}

/** Expected tokens a second at depth 0 … deepest. */
export function expectedRates({ cost, acceptance }: Pick<DepthState, 'cost' | 'acceptance'>): number[] {
  const rates = expectedTokens(acceptance);
  for (let depth = 0; depth < rates.length; depth++) rates[depth]! /= Math.exp(cost.log.mean[depth]!) / 1e9;
  return rates;
}

/** The state after a cycle: what it taught, and the depth of the next one. */
export function observe(state: DepthState, cycle: DepthObservation): DepthState {
  const after = learned(state, cycle);
  return state.probe === null ? settled(after) : probing(after, state.probe, cycle.drafted, cycle.accepted);
}

/** What a cycle taught, the depth still as it was. */
export function learned(state: DepthState, { drafted, accepted, wall, catchesUp }: DepthObservation): DepthState {
  const cost = catchesUp || drafted > deepest ? unseenCycle(state.cost) : seenCycle(state.cost, drafted, wall);
  const acceptance = seenDrafts(state.acceptance, Math.min(drafted, deepest), Math.min(accepted, deepest));
  const sincePlain = drafted === 0 && !catchesUp ? 0 : state.sincePlain + 1;
  const resting = state.probe === null ? 0 : state.drafting;
  const drafting = drafted === 0 ? resting : state.drafting + 1;
  return { ...state, cost, acceptance, sincePlain, waited: state.waited + 1, drafting };
}

/** A plain cycle of a sequence that keeps no state for drafts: its cost is learned, and nothing can change now. */
export function observePlain(state: DepthState, { wall, catchesUp }: DepthObservation): DepthState {
  const cost = catchesUp ? unseenCycle(state.cost) : seenCycle(state.cost, 0, wall);
  return { ...state, cost, waited: state.waited + 1 };
}

/** Whether a generation of at most `maxTokens` will draft: where it will not, no state for drafts need be kept. */
export function draftsDue({ depth, waited, plainInterval }: DepthState, maxTokens: number): boolean {
  return depth > 0 || waited + maxTokens > plainInterval;
}

/** Outside a probe: the best depth, or a probe when it is time for one. */
export function settled(state: DepthState): DepthState {
  const rates = expectedRates(state);
  const best = highest(rates);
  if (rates[best]! > marginOf(state.depth, best) * rates[state.depth]!) return moved(state, best);
  const target = state.depth === 0 ? overdue(state, rates) : promising(state, rates);
  if (target === null) return state;
  const probe = { from: state.depth, cycles: 0, accepted: 0 };
  return { ...state, depth: target, reason: 'probe', probe, waited: 0, acceptance: calmed(state.acceptance) };
}

function probing(state: DepthState, probe: Probe, drafted: number, newly: number): DepthState {
  // The limit of a text may leave no room for drafts.
  if (drafted === 0 && state.depth > 0) return state;
  const [cycles, accepted] = [probe.cycles + 1, probe.accepted + newly];
  const hopeless = probe.from === 0 && accepted === 0 && cycles >= hopelessCycles;
  if (cycles < probeCycles && !hopeless) return { ...state, probe: { from: probe.from, cycles, accepted } };
  const rates = expectedRates(state);
  const best = highest(rates);
  if (rates[best]! > marginOf(probe.from, best) * rates[probe.from]!) return moved(state, best);
  const longer =
    probe.from === 0 ? { plainInterval: doubled(state.plainInterval) } : { interval: doubled(state.interval) };
  return { ...state, depth: probe.from, reason: 'return', probe: null, waited: 0, ...longer };
}

function moved(state: DepthState, depth: number): DepthState {
  const interval = Math.min(state.interval, leastInterval);
  const waste = depth === 0 && state.drafting < worthwhile;
  const plainInterval = waste ? doubled(state.plainInterval) : depth === 0 ? leastInterval : state.plainInterval;
  return { ...state, depth, reason: 'faster', probe: null, waited: 0, interval, plainInterval };
}

/** How much more another depth must promise: drafts have the benefit of the doubt, since they also teach. */
function marginOf(from: number, to: number): number {
  return to === 0 ? marginOfPlain : from === 0 ? 1 : margin;
}

function doubled(interval: number): number {
  return Math.min(mostInterval, 2 * interval);
}

/** Plain cycles until drafts are probed, in a sequence that keeps the state for them. */
export function plainCyclesLeft({ waited, plainInterval }: DepthState): number {
  return Math.min(plainInterval, mostPlainCycles) - waited;
}

/** Plain decoding learns nothing of drafts: after a while some are made, as many as promise most. */
function overdue(state: DepthState, rates: readonly number[]): number | null {
  return plainCyclesLeft(state) > 0 ? null : 1 + highest(rates.slice(1));
}

/**
 * The depth that would be best if what is uncertain about it turned out one deviation better: its cost beside the
 * present one's, and the acceptance of positions that are not drafted now. null when none would be.
 */
function promising(state: DepthState, rates: readonly number[]): number | null {
  const { depth, cost, acceptance, sincePlain, waited, interval } = state;
  if (waited < interval) return null;
  if (sincePlain >= mostSincePlain) return 0;
  const hopes = hopedTokens(acceptance, depth);
  for (let other = 0; other < hopes.length; other++) {
    const cheaper = Math.sqrt(differenceVariance(cost.log, other, depth));
    hopes[other] = other === depth ? 0 : hopes[other]! / (Math.exp(cost.log.mean[other]! - cheaper) / 1e9);
  }
  const target = highest(hopes);
  return hopes[target]! > margin * rates[depth]! ? target : null;
}

function highest(values: readonly number[]): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}
