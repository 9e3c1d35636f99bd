import { drifted, type Gaussian, gaussian, observe, type Spread, varianceOf } from './gaussian.ts';

/** How drafts fare by position. */
export interface DraftAcceptance {
  /** Logits of P(draft i is accepted, given the one before), i = 1 … deepest. */
  readonly logits: Gaussian;
  /** The last cycles, each weighing 0.8 of the next: how far they were off, in deviations, and their drafts. */
  readonly surprise: number;
  readonly recent: { readonly tried: number; readonly accepted: number };
}

// Logits. A cycle later a text has changed a little, at all positions together more than one against another.
const prior: Spread = { level: 1, step: 0.05, own: 0.05 };
const drift: Spread = { level: 1e-3, step: 1e-5, own: 1e-5 };
const limit: Spread = { level: 2, step: 0.5, own: 0.5 };
/** After a sudden change of the text, of which a few cycles are known. */
const changed: Spread = { level: 0.5, step: 0.05, own: 0.05 };

const usualAcceptance = 0.75;
/** Below this p (1 - p) a single draft would weigh too much. */
const leastInformation = 0.04;
const bound = 5;
const memory = 0.8;
/** Four deviations of `surprise` where nothing has changed, each √(1 / (1 - 0.8²)): the text is another one now. */
const mostSurprise = 8.5;
const forgotten = { tried: 0, accepted: 0 };

/** `conditional` acceptance as measured earlier, or a guess. */
export function initialAcceptance(deepest: number, conditional: readonly number[] | null): DraftAcceptance {
  const last = conditional?.at(-1) ?? usualAcceptance;
  const mean = Array.from({ length: deepest }, (_, i) => bounded(logit(conditional?.[i] ?? last)));
  return { logits: gaussian(mean, prior), surprise: 0, recent: forgotten };
}

/** A cycle of `drafted` drafts, the first `accepted` of which were accepted. Updates as logistic regression does. */
export function seenDrafts(before: DraftAcceptance, drafted: number, accepted: number): DraftAcceptance {
  const logits = drifted(before.logits, drift, limit);
  if (drafted === 0) return { logits, surprise: before.surprise, recent: before.recent };
  const tried = Math.min(drafted, accepted + 1);
  const surprise = memory * before.surprise + deviation(logits, drafted, accepted);
  const recent = {
    tried: memory * before.recent.tried + tried,
    accepted: memory * before.recent.accepted + accepted,
  };
  if (Math.abs(surprise) > mostSurprise) return { logits: startled(logits, recent), surprise: 0, recent };
  for (let i = 0; i < tried; i++) {
    const p = logistic(logits.mean[i]!);
    const information = Math.max(leastInformation, p * (1 - p));
    observe(logits, i, (Number(i < accepted) - p) / information, 1 / information);
    for (let k = 0; k < logits.mean.length; k++) logits.mean[k] = bounded(logits.mean[k]!);
  }
  return { logits, surprise, recent };
}

/** All positions moved to where the last cycles put them. */
function startled({ mean }: Gaussian, { tried, accepted }: DraftAcceptance['recent']): Gaussian {
  const shift = logit((accepted + 0.5) / (tried + 1)) - mean[0]!;
  return gaussian(
    mean.map((value) => bounded(value + shift)),
    changed,
  );
}

/** Drafts were not made for a while: what surprised before says nothing about the text now. */
export function calmed({ logits }: DraftAcceptance): DraftAcceptance {
  return { logits, surprise: 0, recent: forgotten };
}

/** Tokens that a cycle of each depth 0 … deepest emits, on average: 1 + Σ of the products. */
export function expectedTokens({ logits }: DraftAcceptance): number[] {
  return tokensByDepth(logits.mean);
}

/** The same, were drafts beyond position `known` accepted as often as one deviation above the mean. */
export function hopedTokens({ logits }: DraftAcceptance, known: number): number[] {
  const hoped = logits.mean.slice();
  for (let i = known; i < hoped.length; i++) hoped[i]! += Math.sqrt(varianceOf(logits, i));
  return tokensByDepth(hoped);
}

function tokensByDepth(logits: readonly number[]): number[] {
  const tokens = [1];
  let product = 1;
  for (let i = 0; i < logits.length; i++) {
    product *= logistic(logits[i]!);
    tokens.push(tokens[i]! + product);
  }
  return tokens;
}

/** Accepted drafts beside their mean, in standard deviations: they number k or more with the product of the first k. */
function deviation({ mean }: Gaussian, drafted: number, accepted: number): number {
  let product = 1;
  let sum = 0;
  let squares = 0;
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
