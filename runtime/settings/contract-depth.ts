import type { ModelFolder } from '../model/folder.ts';
import { readContract, tierOfModel } from '../model/tiers.ts';

/** The depth that the model's contract recommends; null without a contract that holds for these weights here. */
export async function contractDepth(model: ModelFolder, backend: string): Promise<number | null> {
  const [contract, { tier }] = await Promise.all([readContract(model.folder), tierOfModel(model, backend)]);
  return contract.kind === 'ours' && tier === 'verified' ? contract.contract.recommended_depth : null;
}
