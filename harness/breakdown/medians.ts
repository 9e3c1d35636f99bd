import { median, sum } from '../averages.ts';
import type { CycleSample } from './cycles.ts';

/**
 * Where the time of a decoding cycle goes, in microseconds a cycle (medians): `wall` as TypeScript sees it,
 * `engine` on the engine thread, `kernels` inside kernels. `hop` = wall − engine is the way between TypeScript and the engine and
 * back with both conversions; `overhead` = engine − kernels is the engine thread outside kernels.
 */
export interface CycleMedians {
  wall: number;
  engine: number;
  kernels: number;
  hop: number;
  overhead: number;
  /** Mean microseconds a cycle and calls a cycle, by kernel, largest first. */
  byKernel: KernelMean[];
}

interface KernelMean {
  name: string;
  us: number;
  calls: number;
}

export function cycleMedians(samples: readonly CycleSample[]): CycleMedians {
  const us = (of: (sample: CycleSample) => number): number => median(samples.map(of)) / 1e3;
  return {
    wall: us(({ wall_ns }) => wall_ns),
    engine: us(({ engine_ns }) => engine_ns),
    kernels: us(kernelNs),
    // Medians of the differences: a cycle that the machine disturbed disturbs both of its terms.
    hop: us(({ wall_ns, engine_ns }) => wall_ns - engine_ns),
    overhead: us((sample) => sample.engine_ns - kernelNs(sample)),
    byKernel: kernelMeans(samples),
  };
}

function kernelNs({ commit_ns, draft_ns, verify_ns, candidates_ns }: CycleSample): number {
  return commit_ns + draft_ns + verify_ns + candidates_ns;
}

/** A kernel that a cycle did not call took 0 there. */
function kernelMeans(samples: readonly CycleSample[]): KernelMean[] {
  const calls = samples.flatMap(({ kernels, kernel_ns, kernel_calls }) =>
    kernels.map((name, i) => ({ name, ns: kernel_ns[i]!, calls: kernel_calls[i]! })),
  );
  return [...Map.groupBy(calls, ({ name }) => name)]
    .map(([name, own]) => ({
      name,
      us: sum(own.map(({ ns }) => ns)) / 1e3 / samples.length,
      calls: sum(own.map((call) => call.calls)) / samples.length,
    }))
    .toSorted((a, b) => b.us - a.us);
}
