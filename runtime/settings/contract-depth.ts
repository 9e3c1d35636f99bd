import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { numericsVersion } from '../numerics.ts';

/** Of mtplx_runtime.json, what decides where automatic depth begins. */
const depthOfContract = z.looseObject({
  status: z.literal('verified'),
  model_hash: z.string(),
  backend: z.string(),
  numerics_version: z.literal(numericsVersion),
  recommended_depth: z.int().min(0).max(8),
});

/** The depth that the model's contract recommends; null without a contract that holds for these weights here. */
export async function contractDepth(folder: string, hash: string, backend: string): Promise<number | null> {
  const text = await readFile(join(folder, 'mtplx_runtime.json'), 'utf8').catch(() => null);
  const parsed = depthOfContract.safeParse(text === null ? null : jsonOf(text));
  if (!parsed.success || parsed.data.model_hash !== hash || parsed.data.backend !== backend) return null;
  return parsed.data.recommended_depth;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
