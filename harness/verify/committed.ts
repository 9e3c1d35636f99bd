import { join } from 'node:path';
import { MtplxError } from '../../runtime/errors.ts';
import { type Contract, contractName } from '../../runtime/model/contract.ts';
import { readContract } from '../../runtime/model/tiers.ts';
import { scales, type ScaleName } from '../exactness/scale.ts';

/** The contract of ours in a model folder. @throws MtplxError MTPLX_E_FILE_BROKEN when there is none */
export async function committedContract(folder: string): Promise<Contract> {
  const reading = await readContract(folder);
  if (reading.kind === 'ours') return reading.contract;
  const problem = {
    absent: 'there is no such file; mtplx verify makes it',
    invalid: reading.kind === 'invalid' ? reading.reason : '',
    original: 'it is a contract of the Python original, which has nothing to run again',
  }[reading.kind];
  throw new MtplxError('MTPLX_E_FILE_BROKEN', { file: join(folder, contractName), problem });
}

/** The scale that a contract was made at. @throws MtplxError MTPLX_E_FILE_BROKEN for one that this version lacks */
export function scaleOf({ scale }: Contract): ScaleName {
  if (Object.hasOwn(scales, scale)) return scale as ScaleName;
  throw new MtplxError('MTPLX_E_FILE_BROKEN', { file: contractName, problem: `its scale ${scale} is unknown here` });
}
