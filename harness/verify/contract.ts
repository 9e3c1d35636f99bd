import type { FamilyName } from '../../runtime/engine/types.ts';
import type { Contract, ContractGate } from '../../runtime/model/contract.ts';
import { engineBackends } from '../../runtime/model/backends.ts';
import type { GateReport } from '../exactness/gate.ts';
import type { RunDescription } from '../experiments/description.ts';
import type { VerifySpec } from './spec.ts';
import type { summariseSpeed } from './speed.ts';

/** Names of the original for our families. */
const archIds: Record<FamilyName, string> = {
  qwen3_5: 'qwen3-next-mtp',
  qwen3_5_moe: 'qwen3-next-mtp',
  qwen3_next: 'qwen3-next-mtp',
};
/** The original's profile with an exact verifier; nothing of ours reads it. */
const profile = 'stable';

/** What a verification found, as the model's contract. A failed gate makes it a failed one. */
export function contractOf(
  spec: VerifySpec,
  { mtplx, numerics_version, commit, dirty, machine, engine, model, started }: RunDescription,
  reports: readonly GateReport[],
  speed: ReturnType<typeof summariseSpeed>,
): Contract {
  const rows = reports.find(({ gate }) => gate === 'verify-vs-ar')!;
  const failed = reports.some(({ status }) => status === 'failed');
  const { mlx, isa, threads, compiler, backend } = engine!;
  const { temperature, top_p, top_k } = spec.suite.settings.sampler;
  const sampler = { temperature, top_p, top_k };
  return {
    mtplx_version: mtplx,
    arch_id: archIds[model!.family as FamilyName],
    mtp_depth_max: Math.max(...spec.scale.identity_depths),
    recommended_profile: profile,
    exactness_baseline: {
      gate: rows.gate,
      context: Math.max(...spec.scale.positions),
      max_abs_diff: Number(rows.figures['max_diff']),
      status: failed ? 'failed' : 'passed',
      evidence: `mtplx verify: ${reports.map(({ gate, status }) => `${gate} ${status}`).join(', ')}`,
    },
    verified_on: {
      timestamp: started,
      hardware: `${machine.cpu}, ${machine.cores} cores, ${Math.round(machine.memory_bytes / 2 ** 30)} GiB`,
      machine_arch: machine.arch,
      os: machine.os,
      model: model!.name,
      sampler,
    },
    contract_version: 1,
    status: failed ? 'failed' : 'verified',
    scale: spec.scale_name,
    model_hash: model!.hash,
    backend: engineBackends.find((name) => name === backend)!,
    numerics_version,
    kernel_build: { mlx, isa, threads, compiler },
    source: { commit, dirty },
    gates: reports.map(gateOf),
    sampler,
    ...speed,
  };
}

function gateOf({ gate, status, cases, controls, figures, problem }: GateReport): ContractGate {
  return { gate, status, cases, controls, figures, problem };
}

/** Counts that follow from the machine: how many threads and instruction sets there are to compare. */
const machineBound = ['instruction-sets', 'threads'];
/** Figures are computed in float64, whose exp and log may differ between machines by the last bits. */
const tolerance = 1e-3;

/**
 * Where a contract and a new verification of the same model differ in what must be the same on every machine: validity,
 * gates with their figures, acceptance. Speeds and the machine are left out. Paths, or none.
 */
export function contractDifferences(committed: Contract, found: Contract): string[] {
  const comparable = ({ exactness_baseline, gates, acceptance_by_depth, speed_evidence, ...rest }: Contract) => {
    const { arch_id, mtp_depth_max, status, scale, model_hash, backend, numerics_version, sampler } = rest;
    const { suite, suite_sha256, prompts, max_tokens } = speed_evidence;
    return {
      arch_id,
      mtp_depth_max,
      status,
      scale,
      model_hash,
      backend,
      numerics_version,
      sampler,
      exactness_baseline,
      acceptance_by_depth,
      speed_evidence: { suite, suite_sha256, prompts, max_tokens },
      gates: Object.fromEntries(
        gates.map(({ gate, figures, ...verdict }) => [
          gate,
          { ...verdict, figures: machineBound.includes(gate) ? {} : figures },
        ]),
      ),
    };
  };
  return differences('', comparable(committed), comparable(found));
}

function differences(path: string, a: unknown, b: unknown): string[] {
  if (typeof a === 'number' && typeof b === 'number')
    return Math.abs(a - b) <= tolerance * Math.max(Math.abs(a), Math.abs(b)) ? [] : [`${path}: ${a} and ${b}`];
  if (typeof a === 'object' && typeof b === 'object' && a !== null && b !== null) {
    const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
    const keys = [...new Set([...Object.keys(left), ...Object.keys(right)])];
    return keys.flatMap((key) => differences(path === '' ? key : `${path}.${key}`, left[key], right[key]));
  }
  return a === b ? [] : [`${path}: ${JSON.stringify(a)} and ${JSON.stringify(b)}`];
}
