import { MtplxError } from '../../runtime/errors.ts';

/** One way to decode that a benchmark compares: `ar` is plain decoding, `mtp-d3` drafts three tokens a cycle. */
export interface Arm {
  name: string;
  /** Drafts a cycle; 0 for plain decoding. */
  depth: number;
}

const deepest = 8;

/** Arms for these depths, rising, each once. Plain decoding is always among them: every ratio divides by it. */
export function armsOf(depths: Iterable<number>): Arm[] {
  return [...new Set([0, ...depths])]
    .toSorted((a, b) => a - b)
    .map((depth) => ({ name: depth === 0 ? 'ar' : `mtp-d${depth}`, depth }));
}

/**
 * Depths of a list such as `ar,1..5` or `2,4`.
 * @throws MtplxError MTPLX_E_OPTION for anything else
 */
export function parseDepths(text: string): number[] {
  return text.split(',').flatMap((part) => {
    const item = part.trim();
    if (item === 'ar') return [0];
    const range = /^(\d+)(?:\.\.(\d+))?$/.exec(item);
    const [first, last] = [Number(range?.[1]), Number(range?.[2] ?? range?.[1])];
    if (range === null || first < 1 || last > deepest || first > last)
      throw new MtplxError('MTPLX_E_OPTION', {
        option: '--depths',
        problem: `"${item}" is neither ar, nor a depth from 1 to ${deepest}, nor a rising range such as 1..5`,
      });
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}
