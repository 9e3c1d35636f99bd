import { type Distribution, drawUniform, probability } from '../distribution.ts';
import { purposes, type Purpose, uniform } from '../random.ts';
import type { AcceptanceRule, Draft, Verdict } from './rule.ts';

/** One number in (0, 1) for each decision. */
export type Uniforms = (position: number, purpose: Purpose) => number;

/**
 * Speculative sampling: accept a draft with probability min(1, p / q), else draw from the residual (p - q)+; after K
 * accepted drafts draw from row K. The emitted tokens have the target's joint distribution whatever q is.
 * Y. Leviathan, M. Kalman, Y. Matias, "Fast inference from transformers via speculative decoding", 2023, algorithm 1.
 */
export function leviathanWith(drafts: Draft[], rows: Distribution[], position: number, uniforms: Uniforms): Verdict {
  for (const [i, { token, q }] of drafts.entries()) {
    const p = rows[i]!;
    const ratio = probability(p, token) / probability(q, token);
    if (uniforms(position + i, purposes.accept) < ratio) {
      continue;
    }
    const u = uniforms(position + i, purposes.residual);
    return { accepted: i, token: drawUniform(residual(p, q), u), kind: 'correction' };
  }
  const u = uniforms(position + drafts.length, purposes.target);
  return { accepted: drafts.length, token: drawUniform(rows[drafts.length]!, u), kind: 'bonus' };
}

export const leviathan: AcceptanceRule = (drafts, rows, key, position) =>
  leviathanWith(drafts, rows, position, (at, purpose) => uniform(key, at, purpose));

/** (p - q)+ over p's support, normalised; p itself where rounding leaves nothing. */
export function residual(p: Distribution, q: Distribution): Distribution {
  const ids: number[] = [];
  const rest: number[] = [];
  let mass = 0;
  p.ids.forEach((id, i) => {
    const difference = p.probabilities[i]! - probability(q, id);
    if (difference > 0) {
      ids.push(id);
      rest.push(difference);
      mass += difference;
    }
  });
  return mass > 0 ? { ids: Int32Array.from(ids), probabilities: Float64Array.from(rest, (r) => r / mass) } : p;
}
