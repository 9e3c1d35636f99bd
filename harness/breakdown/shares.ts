import { ratio, sum } from '../averages.ts';
import type { CycleMedians } from './medians.ts';

/** Parts of a cycle, in microseconds or as shares of the whole; they add up to it. */
export interface CycleParts {
  matmul: number;
  gdn: number;
  attention: number;
  /** Norms, activations, embedding, experts, candidates, draws. */
  other_kernels: number;
  /** The engine thread outside kernels: arrays, arguments, reading requests and writing results. */
  engine_overhead: number;
  /** The way between TypeScript and the engine thread and back, with both conversions. */
  hop: number;
  /** The decision: uniforms, distributions, acceptance. */
  typescript: number;
}

type KernelPart = 'matmul' | 'gdn' | 'attention' | 'other_kernels';

const prefixes: [prefix: string, part: KernelPart][] = [
  ['linear', 'matmul'],
  ['norm_linear', 'matmul'],
  ['norm_swiglu', 'matmul'],
  ['gated_delta', 'gdn'],
  ['attention', 'attention'],
  ['kv_', 'attention'],
];

/** Parts of one row in microseconds; `typescript` is measured apart (decision.ts). */
export function cycleParts(row: CycleMedians, typescript: number): CycleParts {
  const kernels = { matmul: 0, gdn: 0, attention: 0, other_kernels: 0 };
  // Kernels are known by means, the row by medians: their proportions are taken from the means.
  const scale = ratio(row.kernels, sum(row.byKernel.map(({ us }) => us)));
  for (const { name, us } of row.byKernel) {
    const part = prefixes.find(([prefix]) => name.startsWith(prefix))?.[1] ?? 'other_kernels';
    kernels[part] += us * scale;
  }
  return { ...kernels, engine_overhead: row.overhead, hop: row.hop, typescript };
}

/** Each part over the sum of all. */
export function shares(parts: CycleParts): CycleParts {
  const whole = sum(Object.values(parts));
  const entries = Object.entries(parts).map(([name, us]) => [name, ratio(us, whole)]);
  return Object.fromEntries(entries) as CycleParts;
}
