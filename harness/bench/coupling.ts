import type { MeasuredGeneration } from './measure.ts';

/**
 * Coupled generations of one prompt and run must have the same tokens whatever their depth. Tells, in words, where the
 * first one leaves plain decoding; null when none does.
 */
export function firstDifference(generations: readonly MeasuredGeneration[]): string | null {
  const key = ({ job }: MeasuredGeneration): string => `${job.run}/${job.prompt}`;
  const plain = new Map(generations.filter(({ job }) => job.arm.depth === 0).map((g) => [key(g), tokensOf(g)]));
  for (const generation of generations) {
    const { prompt, run, arm } = generation.job;
    const expected = plain.get(key(generation));
    if (expected === undefined) return `prompt ${prompt}, run ${run}: ${arm.name} has no plain decoding beside it`;
    const found = tokensOf(generation);
    const at = expected.findIndex((token, i) => token !== found[i]);
    if (at >= 0 || found.length !== expected.length) {
      const where = at >= 0 ? at : expected.length;
      const token = (tokens: number[]): string => (where < tokens.length ? `token ${tokens[where]}` : 'nothing');
      return `prompt ${prompt}, run ${run}, new token ${where}: ar has ${token(expected)}, ${arm.name} ${token(found)}`;
    }
  }
  return null;
}

/** New tokens of a generation. */
export function tokensOf({ steps }: Pick<MeasuredGeneration, 'steps'>): number[] {
  return steps.flatMap(({ tokens }) => tokens);
}
