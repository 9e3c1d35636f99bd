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
  for (let i = 0; i < drafts.length; i++) {
    const { token, q } = drafts[i]!;
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
  for (let i = 0; i < q.ids.length; i++) drafted.set(q.ids[i]!, q.probabilities[i]!);
  const ids: number[] = [];
  const rest: number[] = [];
  let mass = 0;
  for (let i = 0; i < p.ids.length; i++) {
    const id = p.ids[i]!;
    const difference = p.probabilities[i]! - (drafted.get(id) ?? 0);
    if (difference > 0) {
      ids.push(id);
      rest.push(difference);
      mass += difference;
    }
  }
  if (!(mass > 0)) return p;
  for (let i = 0; i < rest.length; i++) rest[i]! /= mass;
  return { ids: new Int32Array(ids), probabilities: new Float64Array(rest) };
}
