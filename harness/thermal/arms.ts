import { MtplxError } from '../../runtime/errors.ts';
import { type Arm, armsOf } from '../bench/arms.ts';

const deepest = 8;

/**
 * Arms of a list such as `ar,mtp:3`, in its order.
 * @throws MtplxError MTPLX_E_OPTION for anything else, or an arm named twice
 */
export function parseArms(text: string): Arm[] {
  const depths = text.split(',').map((part) => {
    const item = part.trim();
    if (item === 'ar') return 0;
    const depth = Number(/^mtp:(\d)$/.exec(item)?.[1]);
    if (!(depth >= 1 && depth <= deepest)) throw problem(`"${item}" is neither ar nor mtp:1 to mtp:${deepest}`);
    return depth;
  });
  if (new Set(depths).size !== depths.length) throw problem('an arm is named twice');
  return depths.map((depth) => armOfDepth(depth));
}

export function armOfDepth(depth: number): Arm {
  return armsOf([depth]).find((arm) => arm.depth === depth)!;
}

function problem(text: string): MtplxError {
  return new MtplxError('MTPLX_E_OPTION', { option: '--arms', problem: text });
}
