import { drifted, type Gaussian, gaussian, observed, type Spread } from './gaussian.ts';

/** How drafts fare by position. */
export interface DraftAcceptance {
  /** Logits of P(draft i is accepted, given the one before), i = 1 … deepest. */
  readonly logits: Gaussian;
  /** How far the last cycles were off, in deviations of a cycle, the older ones weighing less. */
  readonly surprise: number;
}

// Logits. A cycle later a text has changed a little, at all positions together more than one against another.
const prior: Spread = { level: 1, step: 0.05, own: 0.05 };
const drift: Spread = { level: 1e-3, step: 1e-5, own: 1e-5 };
const limit: Spread = { level: 2, step: 0.5, own: 0.5 };
/** After a change of the text: anything may be true of its level now. */
const changed: Spread = { level: 3, step: 0.05, own: 0.05 };

const usualAcceptance = 0.75;
/** Below this p (1 - p) a single draft would weigh too much. */
const leastInformation = 0.04;
const bound = 5;
const surpriseMemory = 0.8;
/** 2.7 deviations of `surprise` where nothing has changed: √(1 / (1 - 0.8²)) each. */
const mostSurprise = 4.5;

/** `conditional` acceptance as measured earlier, or a guess. */
export function initialAcceptance(deepest: number, conditional: readonly number[] | null): DraftAcceptance {
  const last = conditional?.at(-1) ?? usualAcceptance;
  const mean = Array.from({ length: deepest }, (_, i) => bounded(logit(conditional?.[i] ?? last)));
  return { logits: gaussian(mean, prior), surprise: 0 };
}

/** A cycle of `drafted` drafts, the first `accepted` of which were accepted. Updates as logistic regression does. */
export function seenDrafts({ logits, surprise }: DraftAcceptance, drafted: number, accepted: number): DraftAcceptance {
  let next = drifted(logits, drift, limit);
  if (drafted === 0) return { logits: next, surprise };
  const felt = surpriseMemory * surprise + deviation(next, drafted, accepted);
  const startled = Math.abs(felt) > mostSurprise;
  if (startled) next = gaussian(next.mean, changed);
  for (let i = 0; i < Math.min(drafted, accepted + 1); i++) {
    const p = logistic(next.mean[i]!);
    const information = Math.max(leastInformation, p * (1 - p));
    const updated = observed(next, i, (Number(i < accepted) - p) / information, 1 / information);
    next = { mean: updated.mean.map(bounded), covariance: updated.covariance };
  }
  return { logits: next, surprise: startled ? 0 : felt };
}

/** Drafts were not made for a while: what surprised before says nothing about the text now. */
export function calmed({ logits }: DraftAcceptance): DraftAcceptance {
  return { logits, surprise: 0 };
}

/** Tokens that a cycle of each depth 0 … deepest emits, on average: 1 + Σ of the products. */
export function expectedTokens({ logits }: DraftAcceptance): number[] {
  return tokensByDepth(logits.mean);
}

/** The same, were drafts beyond position `known` accepted as often as one deviation above the mean. */
export function hopedTokens({ logits: { mean, covariance } }: DraftAcceptance, known: number): number[] {
  return tokensByDepth(mean.map((value, i) => (i < known ? value : value + Math.sqrt(covariance[i]![i]!))));
}

function tokensByDepth(logits: readonly number[]): number[] {
  const tokens = [1];
  let product = 1;
  for (const value of logits) {
    product *= logistic(value);
    tokens.push(tokens.at(-1)! + product);
  }
  return tokens;
}

/** Accepted drafts beside their mean, in standard deviations: they number k or more with the product of the first k. */
function deviation({ mean }: Gaussian, drafted: number, accepted: number): number {
  let [product, sum, squares] = [1, 0, 0];
  for (let k = 1; k <= drafted; k++) {
    product *= logistic(mean[k - 1]!);
    sum += product;
    squares += (2 * k - 1) * product;
  }
  return (accepted - sum) / Math.sqrt(Math.max(squares - sum * sum, leastInformation));
}

function logistic(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

function logit(p: number): number {
  return Math.log(p / (1 - p));
}

function bounded(x: number): number {
  return Math.max(-bound, Math.min(bound, x));
}
