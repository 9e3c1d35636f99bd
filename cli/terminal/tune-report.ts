import type { TuneDocument } from '../../harness/tuning/tune.ts';
import { table } from './table.ts';

/** The result of `tune` for a reader: what each depth costs and gives, and what is recommended. */
export function tuneReport(document: TuneDocument): string {
  const { suite, prompts, runs, model, backend, isa, threads, depths, acceptance, line, depth, speedup } = document;
  const plain = depths[0]!;
  const rows = depths.map((one) => [
    one.depth === 0 ? 'ar' : `D${one.depth}`,
    one.cycle_ms.toFixed(2),
    (one.cycle_ms / plain.cycle_ms).toFixed(2),
    one.predicted_tok_s.toFixed(1),
    one.tok_s.toFixed(1),
    `${(one.tok_s / plain.tok_s).toFixed(2)}×`,
    one.depth === depth ? '← recommended' : '',
  ]);
  const columns = ['depth', 'cycle ms', 'of plain', 'expected tok/s', 'measured tok/s', 'measured ratio'].map(
    (heading, i) => ({ heading, numeric: i > 0 }),
  );
  return [
    `${model.name} on ${backend} (${isa}, threads ${threads}): ${suite}, ${prompts} prompts, runs ${runs}`,
    table([...columns, { heading: '' }], rows),
    [
      `Cost: ${line.plain_ms.toFixed(2)} ms + ${line.draft_ms.toFixed(2)} ms a draft`,
      `Accepted at position i, given the one before: ${acceptance.map((share) => `${(100 * share).toFixed(0)} %`).join(', ')}`,
      depth === 0
        ? 'Recommended: plain decoding. Drafts do not pay here.'
        : `Recommended: depth ${depth}, ${speedup.toFixed(2)}× plain decoding`,
    ].join('\n'),
  ].join('\n\n');
}
