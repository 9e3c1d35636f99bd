import {
  type DraftAcceptance,
  expectedTokens,
  hopedTokens,
  initialAcceptance,
  seenDrafts,
  unsure,
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
  /** The cost of plain decoding was measured, here or earlier: the bar that drafts have to pass. */
  readonly plainKnown: boolean;
  readonly probe: Probe | null;
  /** Cycles since the last probe or change of depth, and how many to wait for the next probe. */
  readonly waited: number;
  readonly interval: number;
}

const probeCycles = 4;
/** From plain decoding: as many cycles without an accepted draft end a probe. */
const hopelessCycles = 2;
const firstInterval = 4;
const [leastInterval, mostInterval] = [32, 1024];
/** Plain decoding that keeps the state for drafts waits no longer than this. */
const mostPlainCycles = 256;
/** A change must promise this much: below, two depths are alike. */
const margin = 1.01;

export function initialDepthState({ depth, cycleMs, acceptance }: DepthStart): DepthState {
  return {
    depth: Math.min(depth, deepest),
    reason: 'start',
    cost: initialCost(deepest, cycleMs),
    acceptance: initialAcceptance(deepest, acceptance),
    plainKnown: cycleMs !== null,
    probe: null,
    waited: 0,
    interval: cycleMs === null ? firstInterval : leastInterval,
  };
}

/** Expected tokens a second at depth 0 … deepest. */
export function expectedRates({ cost, acceptance }: Pick<DepthState, 'cost' | 'acceptance'>): number[] {
  return expectedTokens(acceptance).map((tokens, depth) => tokens / (Math.exp(cost.log.mean[depth]!) / 1e9));
}

/** The state after a cycle: what it taught, and the depth of the next one. */
export function observe(state: DepthState, { drafted, accepted, wall, catchesUp }: DepthObservation): DepthState {
  const cost = catchesUp || drafted > deepest ? unseenCycle(state.cost) : seenCycle(state.cost, drafted, wall);
  const acceptance = seenDrafts(state.acceptance, Math.min(drafted, deepest), Math.min(accepted, deepest));
  const plainKnown = state.plainKnown || (drafted === 0 && !catchesUp);
  const learned = { ...state, cost, acceptance, plainKnown, waited: state.waited + 1 };
  return state.probe === null ? settled(learned) : probing(learned, state.probe, accepted);
}

/** Outside a probe: the best depth, or a probe when it is time for one. */
function settled(state: DepthState): DepthState {
  const rates = expectedRates(state);
  const best = highest(rates);
  if (rates[best]! > margin * rates[state.depth]!) return moved(state, best);
  return state.depth === 0 ? plain(state, rates) : drafting(state, rates);
}

/** Plain decoding learns nothing of drafts: after a while some are made, as many as promise most. */
function plain(state: DepthState, rates: readonly number[]): DepthState {
  if (state.waited < Math.min(state.interval, mostPlainCycles)) return state;
  return probed({ ...state, acceptance: unsure(state.acceptance) }, 1 + highest(rates.slice(1)));
}

function drafting(state: DepthState, rates: readonly number[]): DepthState {
  const target = state.waited < state.interval ? null : promising(state, rates);
  return target === null ? state : probed(state, target);
}

function probed(state: DepthState, depth: number): DepthState {
  return { ...state, depth, reason: 'probe', probe: { from: state.depth, cycles: 0, accepted: 0 }, waited: 0 };
}

function probing(state: DepthState, probe: Probe, newly: number): DepthState {
  const [cycles, accepted] = [probe.cycles + 1, probe.accepted + newly];
  const hopeless = probe.from === 0 && accepted === 0 && cycles >= hopelessCycles;
  if (cycles < probeCycles && !hopeless) return { ...state, probe: { from: probe.from, cycles, accepted } };
  const rates = expectedRates(state);
  const best = highest(rates);
  if (best !== probe.from && rates[best]! > margin * rates[probe.from]!) return moved(state, best);
  const interval = Math.min(mostInterval, 2 * state.interval);
  return { ...state, depth: probe.from, reason: 'return', probe: null, waited: 0, interval };
}

function moved(state: DepthState, depth: number): DepthState {
  const interval = Math.max(firstInterval, Math.min(state.interval, leastInterval));
  return { ...state, depth, reason: 'faster', probe: null, waited: 0, interval };
}

/**
 * The depth that would be best if what is uncertain about it turned out one deviation better: its cost beside the
 * present one's, and the acceptance of positions that are not drafted now. null when none would be.
 */
function promising(state: DepthState, rates: readonly number[]): number | null {
  const { depth, cost, acceptance, plainKnown } = state;
  if (!plainKnown) return 0;
  const tokens = hopedTokens(acceptance, depth);
  const hopes = tokens.map((value, other) => {
    const cheaper = Math.sqrt(differenceVariance(cost.log, other, depth));
    return other === depth ? 0 : value / (Math.exp(cost.log.mean[other]! - cheaper) / 1e9);
  });
  const target = highest(hopes);
  return hopes[target]! > margin * rates[depth]! ? target : null;
}

function highest(values: readonly number[]): number {
  return values.reduce((best, value, i) => (value > values[best]! ? i : best), 0);
}
