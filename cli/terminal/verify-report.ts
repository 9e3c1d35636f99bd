import type { VerifyResult } from '../../harness/verify/experiment.ts';
import type { ContractGate } from '../../runtime/model/contract.ts';
import { table } from './table.ts';

/** Figures that a reader wants to see, in this order; all others are in the contract. */
const shown: Record<string, string> = {
  compared: 'numbers compared',
  differing: 'differ',
  max_diff: 'max diff',
  settings: 'texts',
  tokens: 'tokens',
  draws: 'draws',
  smallest_p: 'smallest p',
  mmd_p: 'texts p',
  mutations: 'wrong samplers seen',
  toy_models: 'toy models',
  overlap: 'Σ min(p, q)',
  overlap_difference: 'off the goldens by',
};

export function verifyReport({ contract, gate_seconds: seconds, predicted_seconds: predicted }: VerifyResult): string {
  const { gates, acceptance_by_depth: acceptance, speed_evidence: speed, recommended_depth: depth } = contract;
  const took = Object.values(seconds).reduce((sum, value) => sum + value, 0);
  const gateRows = gates.map((gate) => [
    gate.gate,
    gate.status,
    `${gate.cases}`,
    `${gate.controls}`,
    (seconds[gate.gate] ?? 0).toFixed(1),
    gate.problem ?? figuresText(gate),
  ]);
  const depthRows = Object.entries(speed.by_depth).map(([name, ratio]) => [
    `D${name}`,
    `${ratio.toFixed(2)}×`,
    (acceptance[name]?.accepted_length ?? 0).toFixed(2),
    (acceptance[name]?.per_step ?? []).map((share) => share.toFixed(2)).join(' '),
  ]);
  const [low, high] = speed.speedup_interval;
  return [
    table(
      [
        { heading: 'gate' },
        { heading: 'status' },
        { heading: 'cases', numeric: true },
        { heading: 'controls', numeric: true },
        { heading: 's', numeric: true },
        { heading: 'figures' },
      ],
      gateRows,
    ),
    '',
    table(
      [
        { heading: 'depth' },
        { heading: 'over AR', numeric: true },
        { heading: 'tokens a cycle', numeric: true },
        { heading: 'acceptance by position' },
      ],
      depthRows,
    ),
    '',
    `speed     ${speed.ar_tok_s.toFixed(0)} tok/s plain, ${speed.mtp_tok_s.toFixed(0)} at depth ${speed.mtp_depth}: ` +
      `${speed.speedup_vs_ar.toFixed(2)}× [${low.toFixed(2)}, ${high.toFixed(2)}] over ${speed.prompts} prompts`,
    `advice    ${depth === 0 ? 'decode plainly: no depth is faster here' : `depth ${depth}`}`,
    `took      ${took.toFixed(0)} s in gates; ${predicted.toFixed(0)} s were predicted for all`,
    `result    ${contract.status} (${contract.scale}), model ${contract.model_hash.slice(0, 12)}…, backend ${contract.backend}, numerics ${contract.numerics_version}`,
  ].join('\n');
}

function figuresText({ figures }: ContractGate): string {
  return Object.entries(shown)
    .filter(([name]) => typeof figures[name] === 'number')
    .map(([name, text]) => `${text} ${short(figures[name] as number)}`)
    .join(', ');
}

function short(value: number): string {
  return Number.isInteger(value) ? `${value}` : value.toPrecision(3);
}
