import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MtplxError } from '../errors.ts';
import { numericsVersion } from '../numerics.ts';
import { type Backend, engineBackends } from './backends.ts';
import { contractName, type ContractReading, parseContract } from './contract.ts';
import { type ModelFolder, openModelFolder } from './folder.ts';

/** How far a model is known to decode exactly here; the four of the original, in falling order. */
export const tiers = [
  'verified',
  'architecture-compatible-but-unverified',
  'incompatible-architecture',
  'no-MTP',
] as const;
export type Tier = (typeof tiers)[number];

export interface TierDecision {
  tier: Tier;
  /** Of a command that asks for the tier: 0 verified, 2 no MTP head, 3 unverified, 4 incompatible. */
  exit: 0 | 2 | 3 | 4;
  /** Whether the model can run at all, with or without drafts. */
  canRun: boolean;
  /** Why it is this tier and what to do, in one sentence; for a verified model what it was verified with. */
  reason: string;
}

/** What the decision is made from. */
export interface TierFacts {
  /** How the model is named to a person. */
  folder: string;
  /** null: the folder could not be opened, by `error`. */
  model: { hash: string; mtp: boolean } | null;
  error: MtplxError | null;
  contract: ContractReading;
  backend: Backend;
  numericsVersion: number;
}

const exits: Record<Tier, TierDecision['exit']> = {
  verified: 0,
  'no-MTP': 2,
  'architecture-compatible-but-unverified': 3,
  'incompatible-architecture': 4,
};

/**
 * The tier of a model. A family without backend is incompatible and a folder that does not fit its own description
 * unverified, whatever a contract says; then an MTP head must be there; then the contract decides.
 */
export function decideTier(facts: TierFacts): TierDecision {
  const { folder, model, error, contract } = facts;
  const decided = (tier: Tier, reason: string, canRun = true): TierDecision => {
    return { tier, exit: exits[tier], canRun, reason };
  };
  const unverified = (reason: string, canRun = true) =>
    decided('architecture-compatible-but-unverified', reason, canRun);
  const next = `mtplx verify ${folder} checks it here`;
  if (model === null) {
    const reason = error!.message.replace(/\.$/, '');
    return error!.exit === 4 ? decided('incompatible-architecture', reason, false) : unverified(reason, false);
  }
  if (!model.mtp) return decided('no-MTP', 'the model has no MTP head: it decodes plainly');
  if (contract.kind === 'absent') return unverified(`the model has no ${contractName}; ${next}`);
  if (contract.kind === 'invalid') return unverified(`${contractName} is no contract: ${contract.reason}; ${next}`);
  if (contract.kind === 'original') {
    const blocker = contract.blocker === null ? '' : ` (${contract.blocker})`;
    return unverified(
      `its contract is one of the Python original${blocker}, which says nothing of this engine; ${next}`,
    );
  }
  const { status, model_hash, backend, numerics_version, gates, scale, verified_on } = contract.contract;
  const stale = [
    ...(model_hash === model.hash ? [] : ['another checkpoint']),
    ...(backend === facts.backend ? [] : [`backend ${backend as string}`]),
    ...(numerics_version === facts.numericsVersion
      ? []
      : [`numerics version ${numerics_version}, this is ${facts.numericsVersion}`]),
  ];
  if (stale.length > 0) return unverified(`its contract is for ${stale.join(' and ')}; ${next}`);
  const failed = gates.filter((gate) => gate.status === 'failed').map(({ gate }) => gate);
  if (status === 'failed' || failed.length > 0)
    return unverified(`verification failed at ${failed.join(', ') || 'a gate'}; ${next}`);
  return decided('verified', `${scale} verification of ${verified_on.timestamp} on ${verified_on.hardware}`);
}

/** The contract of a folder. */
export async function readContract(folder: string): Promise<ContractReading> {
  try {
    return parseContract(await readFile(join(folder, contractName), 'utf8'));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' ? { kind: 'absent' } : { kind: 'invalid', reason: message };
  }
}

/** The tier of an opened model on this backend. */
export async function tierOfModel({ folder, hash, spec }: ModelFolder, backend: string = 'cpu'): Promise<TierDecision> {
  return decideTier({
    folder,
    model: { hash, mtp: spec.mtp },
    error: null,
    contract: await readContract(folder),
    backend: knownBackend(backend),
    numericsVersion,
  });
}

/** The tier of any folder. @throws MtplxError MTPLX_E_MODEL_NOT_FOUND where there is no model at all */
export async function tierOfFolder(
  path: string,
  { backend = 'cpu', drafter }: { backend?: string; drafter?: string | undefined } = {},
): Promise<TierDecision> {
  try {
    return await tierOfModel(await openModelFolder(path, { drafter }), backend);
  } catch (error) {
    if (!(error instanceof MtplxError) || error.code === 'MTPLX_E_MODEL_NOT_FOUND') throw error;
    const contract: ContractReading = { kind: 'absent' };
    return decideTier({ folder: path, model: null, error, contract, backend: knownBackend(backend), numericsVersion });
  }
}

/** @throws MtplxError MTPLX_E_BACKEND_UNSUPPORTED */
function knownBackend(backend: string): Backend {
  const found = engineBackends.find((name) => name === backend);
  if (found === undefined) throw new MtplxError('MTPLX_E_BACKEND_UNSUPPORTED', { backend });
  return found;
}
