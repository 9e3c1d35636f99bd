import type { AutoDocument } from '../../harness/tuning/auto.ts';
import { table } from './table.ts';

/** The result of `bench auto` for a reader. */
export function autoReport(document: AutoDocument): string {
  const { suite, prompts, runs, acceptance, arms, against, allowed_loss, passed, cycles_at_depth, start } = document;
  const used = cycles_at_depth.flatMap((cycles, depth) => (cycles > 0 ? [`${cycles} at ${depth}`] : []));
  const begin = `depth ${start.depth}, ${start.cycle_ms === null ? 'not tuned' : 'tuned'}`;
  return [
    `${suite}: ${prompts} prompts, runs ${runs}, acceptance ${acceptance}; automatic depth begins at ${begin}`,
    table(
      [{ heading: 'arm' }, { heading: 'tok/s', numeric: true }, { heading: 'cycles', numeric: true }],
      arms.map(({ name, tok_s, cycles }) => [name, tok_s.toFixed(1), `${cycles}`]),
    ),
    table(
      [{ heading: 'auto over' }, { heading: 'mean ratio', numeric: true }, { heading: '95 % interval', numeric: true }],
      against.map(({ arm, ratio, low, high }) => [arm, ratio.toFixed(3), `${low.toFixed(3)} … ${high.toFixed(3)}`]),
    ),
    `Cycles of auto: ${used.join(', ')}`,
    `${passed ? 'Passed' : 'NOT shown'}: loses at most ${(100 * allowed_loss).toFixed(0)} %`,
  ].join('\n\n');
}
