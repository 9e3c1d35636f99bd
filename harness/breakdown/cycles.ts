import { type EngineModel, kernelTimes } from '../../runtime/engine/engine.ts';
import type { EngineSequence } from '../../runtime/engine/sequence.ts';

/** One cycle, in nanoseconds: as TypeScript sees it, on the engine thread, inside kernels by phase and by kernel. */
export interface CycleSample {
  wall_ns: number;
  engine_ns: number;
  commit_ns: number;
  draft_ns: number;
  verify_ns: number;
  candidates_ns: number;
  kernels: string[];
  kernel_ns: number[];
  kernel_calls: number[];
}

const warmUpCycles = 20;

/** Runs `cycles` cycles of `depth` drafts after the prompt. @throws the signal's reason after an abort */
export async function measureCycles(
  model: EngineModel,
  prompt: Int32Array,
  { depth, cycles }: { depth: number; cycles: number },
  signal: AbortSignal | undefined,
): Promise<CycleSample[]> {
  const sequence = await model.createSequence({ mtp: depth > 0 });
  try {
    await cycle(sequence, 0, prompt, 0);
    let keep = prompt.length;
    const token = prompt.subarray(prompt.length - 1);
    const samples: CycleSample[] = [];
    for (let i = -warmUpCycles; i < cycles; i++) {
      signal?.throwIfAborted();
      const begin = process.hrtime.bigint();
      const { times } = await cycle(sequence, keep, token, depth);
      const wall = Number(process.hrtime.bigint() - begin);
      keep = 1;
      // Outside the measured time, and after every cycle: what it returns counts from its last call.
      const kernels = await kernelTimes();
      if (i < 0) continue;
      samples.push({
        wall_ns: wall,
        engine_ns: times.total,
        commit_ns: times.commit,
        draft_ns: times.draft,
        verify_ns: times.verify,
        candidates_ns: times.candidates,
        kernels: kernels.map(({ name }) => name),
        kernel_ns: kernels.map(({ ns }) => ns),
        kernel_calls: kernels.map(({ calls }) => calls),
      });
    }
    return samples;
  } finally {
    await sequence.dispose();
  }
}

async function cycle(sequence: EngineSequence, keep: number, tokens: Int32Array, depth: number) {
  return sequence.cycle({
    keep,
    tokens,
    depth,
    commits: false,
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
