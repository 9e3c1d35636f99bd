import { residual } from '../acceptance/leviathan.ts';
import type { AcceptanceRule } from '../acceptance/rule.ts';
import { type Distribution, drawUniform, probability } from '../distribution.ts';
import { purposes } from '../random.ts';

export interface RuleParts {
  /** Whether to accept, with its number, p and q of the draft, and the draft and its row. Falls as the number grows. */
  accept?: (u: number, p: number, q: number, draft: number, row: Distribution) => boolean;
  rest?: (p: Distribution, q: Distribution) => Distribution;
  /** Row of the token after all of K drafts. */
  bonusRow?: (k: number) => number;
}

/** Leviathan's rule in parts that can be replaced; with none replaced it is exact. */
export const exactParts: Required<RuleParts> = { accept: (u, p, q) => u < p / q, rest: residual, bonusRow: (k) => k };

export function ruleOf(parts: RuleParts): AcceptanceRule {
  const { accept, rest, bonusRow } = { ...exactParts, ...parts };
  return (drafts, rows, position, uniforms) => {
    for (const [i, { token, q }] of drafts.entries()) {
      const p = rows[i]!;
      const u = uniforms(position + i, purposes.accept);
      if (accept(u, probability(p, token), probability(q, token), token, p)) continue;
      const left = rest(p, q);
      return {
        accepted: i,
        token: drawUniform(left, uniforms(position + i, purposes.residual)),
        kind: 'correction',
      };
    }
    const k = drafts.length;
    const u = uniforms(position + k, purposes.target);
    return { accepted: k, token: drawUniform(rows[bonusRow(k)]!, u), kind: 'bonus' };
  };
}
