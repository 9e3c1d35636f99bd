import { z } from 'zod';
import { loadModel, type Model, MtplxError } from '../../runtime/index.ts';
import { describeMachine, machineSchema } from '../machine.ts';
import { loadSuite, promptText } from '../suites/suite.ts';
import { readBandwidth } from './bandwidth.ts';
import { weightTraffic } from './bound.ts';
import { measureBreakdown } from './breakdown.ts';
import { measureDecision } from './decision.ts';
import { type CycleParts, cycleParts, shares } from './shares.ts';

const parts = z.strictObject({
  matmul: z.number(),
  gdn: z.number(),
  attention: z.number(),
  other_kernels: z.number(),
  engine_overhead: z.number(),
  hop: z.number(),
  typescript: z.number(),
} satisfies Record<keyof CycleParts, z.ZodNumber>);

/** What `mtplx bench breakdown --json` prints. Times are microseconds a cycle. */
export const breakdownSchema = z.strictObject({
  machine: machineSchema,
  engine: z.strictObject({ mlx: z.string(), isa: z.string() }),
  model: z.strictObject({ name: z.string(), hash: z.string() }),
  prompt_tokens: z.int(),
  cycles: z.int(),
  /** Weights that a plain step and a draft read. */
  step_bytes: z.number(),
  draft_bytes: z.number(),
  rows: z.array(
    z.strictObject({
      threads: z.int().min(1),
      depth: z.int().min(0),
      cycle_us: z.number(),
      us: parts,
      share: parts,
      /** Bytes a second that this many threads read. */
      read_bytes_per_s: z.number(),
      /** Reading the weights alone: (step + depth · draft) bytes at that speed. */
      bound_us: z.number(),
      kernels: z.array(z.strictObject({ name: z.string(), us: z.number(), calls: z.number() })),
    }),
  ),
});

export type BreakdownDocument = z.infer<typeof breakdownSchema>;

export interface BreakdownRun {
  model: string;
  depths: readonly number[];
  threads: readonly number[];
  cycles: number;
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: { done: number; total: number; text: string }) => void) | undefined;
}

/** A prompt of real code, so that kernels see activations of a usual size. */
const promptSuite = 'cold-long-code-192';

/**
 * Where the time of a cycle goes, by depth and threads, beside the bound that reading the weights sets.
 * @throws MtplxError MTPLX_E_NO_MTP, MTPLX_E_ABORTED, and everything that loadModel throws
 */
export async function runBreakdown(options: BreakdownRun): Promise<BreakdownDocument> {
  const machine = await describeMachine();
  const model = await loadModel(options.model);
  try {
    if (options.depths.some((depth) => depth > 0) && !model.folder.spec.mtp)
      throw new MtplxError('MTPLX_E_NO_MTP', { folder: model.folder.folder });
    const { prompts } = await loadSuite(promptSuite);
    const prompt = await model.encode(promptText(prompts[0]!));
    const { step, draft } = weightTraffic(model.folder);
    const { mlx, isa } = model.build;
    return {
      machine,
      engine: { mlx, isa },
      model: { name: model.folder.name, hash: model.folder.hash },
      prompt_tokens: prompt.length,
      cycles: options.cycles,
      step_bytes: step,
      draft_bytes: draft,
      rows: await measureRows(model, prompt, { step, draft }, options),
    };
  } finally {
    await model.dispose();
  }
}

async function measureRows(
  model: Model,
  prompt: Int32Array,
  bytes: { step: number; draft: number },
  { threads, depths, cycles, signal, onProgress }: BreakdownRun,
): Promise<BreakdownDocument['rows']> {
  const rows: BreakdownDocument['rows'] = [];
  const total = threads.length * depths.length;
  for (const count of threads) {
    const rate = await readBandwidth(bytes.step, count);
    for (const depth of depths) {
      signal?.throwIfAborted();
      onProgress?.({ done: rows.length, total, text: `threads ${count}, depth ${depth}` });
      const [row] = await measureBreakdown(model.engine, { prompt, depths: [depth], threads: [count], cycles });
      const us = cycleParts(row!, await measureDecision(model, prompt, depth, cycles));
      rows.push({
        threads: count,
        depth,
        cycle_us: row!.wall + us.typescript,
        us,
        share: shares(us),
        read_bytes_per_s: rate,
        bound_us: ((bytes.step + depth * bytes.draft) / rate) * 1e6,
        kernels: row!.byKernel,
      });
    }
  }
  return rows;
}
