import { configureEngine, type EngineModel, kernelTimes } from '../../runtime/engine/engine.ts';
import { median } from '../averages.ts';
import type { EngineSequence } from '../../runtime/engine/sequence.ts';

/**
 * Where the time of a decoding cycle goes, in microseconds a cycle (medians): `wall` as TypeScript sees it,
 * `engine` on the engine thread, `kernels` inside kernels. `hop` = wall − engine is the way between TypeScript and the engine and
 * back with both conversions; `overhead` = engine − kernels is the engine thread outside kernels.
 */
export interface CycleBreakdown {
  depth: number;
  threads: number;
  cycles: number;
  wall: number;
  engine: number;
  kernels: number;
  hop: number;
  overhead: number;
  /** Mean microseconds a cycle and calls a cycle, by kernel, largest first. */
  byKernel: { name: string; us: number; calls: number }[];
}

export interface BreakdownOptions {
  /** History before the first measured cycle. */
  prompt: Int32Array;
  depths: number[];
  threads: number[];
  cycles: number;
}

const warmUpCycles = 20;

/** One setting after the other; compare the parts of one row, and rows of one run by ratio. */
export async function measureBreakdown(model: EngineModel, options: BreakdownOptions): Promise<CycleBreakdown[]> {
  const results: CycleBreakdown[] = [];
  for (const threads of options.threads) {
    await configureEngine({ threads });
    for (const depth of options.depths) {
      results.push(await measureOne(model, options, depth, threads));
    }
  }
  return results;
}

async function measureOne(
  model: EngineModel,
  { prompt, cycles }: BreakdownOptions,
  depth: number,
  threads: number,
): Promise<CycleBreakdown> {
  const sequence = await model.createSequence({ mtp: depth > 0 });
  try {
    await cycle(sequence, 0, prompt, 0);
    let keep = prompt.length;
    const token = prompt.subarray(prompt.length - 1);
    const samples: { wall: number; engine: number; kernels: number }[] = [];
    for (let i = -warmUpCycles; i < cycles; i++) {
      if (i === 0) {
        await kernelTimes();
      }
      const begin = process.hrtime.bigint();
      const { times } = await cycle(sequence, keep, token, depth);
      const wall = Number(process.hrtime.bigint() - begin);
      keep = 1;
      if (i >= 0) {
        const kernels = times.commit + times.draft + times.verify + times.candidates;
        samples.push({ wall, engine: times.total, kernels });
      }
    }
    const us = (of: (sample: (typeof samples)[number]) => number): number => median(samples.map(of)) / 1e3;
    const byKernel = (await kernelTimes())
      .map(({ name, ns, calls }) => ({ name, us: ns / 1e3 / cycles, calls: calls / cycles }))
      .sort((a, b) => b.us - a.us);
    return {
      depth,
      threads,
      cycles,
      wall: us(({ wall }) => wall),
      engine: us(({ engine }) => engine),
      kernels: us(({ kernels }) => kernels),
      // Medians of the differences: a cycle that the machine disturbed disturbs both of its terms.
      hop: us(({ wall, engine }) => wall - engine),
      overhead: us(({ engine, kernels }) => engine - kernels),
      byKernel,
    };
  } finally {
    await sequence.dispose();
  }
}

async function cycle(sequence: EngineSequence, keep: number, tokens: Int32Array, depth: number) {
  return sequence.cycle({
    keep,
    tokens,
    depth,
    draft:
      depth > 0
        ? { filter: { temperature: 0.7, topP: 0.95, topK: 20 }, noise: { kind: 'gumbel', seed: 1n, choice: 0 } }
        : null,
    logits: tokens.length > 1 ? 'last' : 'all',
    candidates: { temperature: 0.6, count: 20 },
    draw: null,
    edits: [],
  });
}
