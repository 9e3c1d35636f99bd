import type { ModelFolder } from '../../runtime/model/folder.ts';

/** Bytes of weights that one plain step and one draft have to read at least. */
export interface WeightTraffic {
  step: number;
  draft: number;
}

/**
 * A plain step reads the trunk and the LM head (the embedding, where they are tied) once, however many rows it has; a
 * draft reads the MTP head and the LM head. Of experts, those that one token chooses.
 */
export function weightTraffic({ weights, spec }: Pick<ModelFolder, 'weights' | 'spec'>): WeightTraffic {
  const traffic = { step: 0, draft: 0 };
  for (const [name, { begin, end }] of weights.tensors) {
    const chosen = spec.moe && name.includes('.experts.') ? spec.moe.expertsPerToken / spec.moe.experts : 1;
    const bytes = (end - begin) * chosen;
    const module = name.slice(0, name.lastIndexOf('.'));
    if (module === (spec.tiedEmbeddings ? 'embed_tokens' : 'lm_head')) {
      traffic.step += bytes;
      traffic.draft += bytes;
    } else if (name.startsWith('mtp.')) {
      traffic.draft += bytes;
    } else if (module !== 'embed_tokens' && module !== 'lm_head') {
      traffic.step += bytes;
    }
  }
  return traffic;
}
