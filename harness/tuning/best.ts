import type { AutoSpec } from './auto.ts';
import type { TuneDocument } from './tune.ts';

/** The fixed depth that gave the most tokens a second in a tuning; 0 when none beat plain decoding. */
export function bestMeasured({ depths }: Pick<TuneDocument, 'depths'>): number {
  return depths.reduce((best, one) => (one.tok_s > best.tok_s ? one : best)).depth;
}

const usualDepth = 3;

/** Where automatic depth begins after this tuning, or where it would without one. */
export function startOf(
  { depth, depths, acceptance }: Pick<TuneDocument, 'depth' | 'depths' | 'acceptance'>,
  untuned: boolean,
): AutoSpec['start'] {
  if (untuned) return { depth: usualDepth, cycle_ms: null, acceptance: null };
  return { depth, cycle_ms: depths.map(({ cycle_ms }) => cycle_ms), acceptance };
}
