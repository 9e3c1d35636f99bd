import { decode, type DecodingTarget } from '../../runtime/decoding/cycle.ts';
import type { Model } from '../../runtime/index.ts';

const sampler = { temperature: 0.6, topP: 0.95, topK: 20 };

/**
 * Nanoseconds of each cycle that the decoding loop spends in TypeScript around the engine's call: uniforms,
 * distributions, the acceptance rule.
 * @throws the signal's reason after an abort
 */
export async function measureDecisions(
  model: Pick<Model, 'engine'>,
  prompt: Int32Array,
  { depth, cycles }: { depth: number; cycles: number },
  signal: AbortSignal | undefined,
): Promise<number[]> {
  const sequence = await model.engine.createSequence({ mtp: depth > 0 });
  let call = 0;
  const timed: DecodingTarget = {
    commit: (keep) => sequence.commit(keep),
    cycle: async (entry) => {
      const begin = process.hrtime.bigint();
      const result = await sequence.cycle(entry);
      call = Number(process.hrtime.bigint() - begin);
      return result;
    },
  };
  try {
    const own: number[] = [];
    const options = {
      sampler,
      draftSampler: { ...sampler, temperature: 0.7 },
      acceptance: 'leviathan',
      key: { seed: 0n, choice: 0 },
      depth,
      // The first token comes from the prefill.
      maxTokens: 1 + cycles * (depth + 1),
      stopIds: new Set<number>(),
      vocabSize: model.engine.request.spec.vocabSize,
    } as const;
    for await (const { cycle } of decode(timed, prompt, 0, options)) {
      signal?.throwIfAborted();
      if (cycle !== null) own.push(cycle.wall - call);
      if (own.length >= cycles) break;
    }
    return own;
  } finally {
    await sequence.dispose();
  }
}
