import { type Distribution, drawUniform, probability } from '../distribution.ts';
import { purposes } from '../random.ts';
import type { AcceptanceRule } from './rule.ts';

/**
 * Speculative sampling: accept a draft with probability min(1, p / q), else draw from the residual (p - q)+; after K
 * accepted drafts draw from row K. The emitted tokens have the target's joint distribution whatever q is.
 * Y. Leviathan, M. Kalman, Y. Matias, "Fast inference from transformers via speculative decoding", 2023, algorithm 1.
 * @throws RangeError for a draft that its q cannot give: then no acceptance is exact.
 */
export const leviathan: AcceptanceRule = (drafts, rows, position, uniforms) => {
  for (const [i, { token, q }] of drafts.entries()) {
    const p = rows[i]!;
    const drafted = probability(q, token);
    if (!(drafted > 0)) {
      throw new RangeError(`Draft ${token} has no probability in the distribution that it was drawn from.`);
    }
    if (uniforms(position + i, purposes.accept) < probability(p, token) / drafted) {
      continue;
    }
    const u = uniforms(position + i, purposes.residual);
    return { accepted: i, token: drawUniform(residual(p, q), u), kind: 'correction' };
  }
  const u = uniforms(position + drafts.length, purposes.target);
  return { accepted: drafts.length, token: drawUniform(rows[drafts.length]!, u), kind: 'bonus' };
};

/** (p - q)+ over p's support, normalised; p itself where rounding leaves nothing. */
export function residual(p: Distribution, q: Distribution): Distribution {
  const drafted = new Map<number, number>();
  q.ids.forEach((id, i) => drafted.set(id, q.probabilities[i]!));
  const ids: number[] = [];
  const rest: number[] = [];
  let mass = 0;
  p.ids.forEach((id, i) => {
    const difference = p.probabilities[i]! - (drafted.get(id) ?? 0);
    if (difference > 0) {
      ids.push(id);
      rest.push(difference);
      mass += difference;
    }
  });
  return mass > 0 ? { ids: Int32Array.from(ids), probabilities: Float64Array.from(rest, (r) => r / mass) } : p;
}
