import { decode, type DecodingTarget } from '../../runtime/decoding/cycle.ts';
import type { Model } from '../../runtime/index.ts';
import { median } from '../averages.ts';

const sampler = { temperature: 0.6, topP: 0.95, topK: 20 };

/**
 * Microseconds a cycle (median) that the decoding loop spends in TypeScript around the engine's call: uniforms,
 * distributions, the acceptance rule.
 */
export async function measureDecision(
  model: Pick<Model, 'engine'>,
  prompt: Int32Array,
  depth: number,
  cycles: number,
): Promise<number> {
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
      maxTokens: cycles * (depth + 1),
      stopIds: new Set<number>(),
      vocabSize: model.engine.request.spec.vocabSize,
    } as const;
    for await (const { cycle } of decode(timed, prompt, 0, options)) {
      if (cycle !== null) own.push((cycle.wall - call) / 1e3);
      if (own.length >= cycles) break;
    }
    return median(own);
  } finally {
    await sequence.dispose();
  }
}
