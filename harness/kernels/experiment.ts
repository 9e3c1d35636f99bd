import { z } from 'zod';
import { buildInfo } from '../../runtime/engine/engine.ts';
import { MtplxError } from '../../runtime/errors.ts';
import type { Columns } from '../experiments/columns.ts';
import type { Experiment } from '../experiments/experiment.ts';
import { type KernelsDocument, kernelsSchema } from './document.ts';
import { benchedKernels, runKernelBench } from './executable.ts';
import { summariseKernels } from './summary.ts';

const specSchema = z.strictObject({
  kernels: z.array(z.string()).min(1),
  threads: z.array(z.int().min(1)).min(1),
  /** null: the one that the engine would choose. */
  isa: z.string().nullable(),
});

export type KernelsSpec = z.infer<typeof specSchema>;

export const kernelColumns = {
  kernel: 'text',
  threads: 'int',
  isa: 'text',
  shape: 'text',
  rows: 'int',
  bytes: 'long',
  turns: 'int',
  us: 'float',
  mlx_us: 'float',
  read_us: 'float',
} as const satisfies Columns;

/** @throws MtplxError MTPLX_E_BENCH_MISSING; MTPLX_E_OPTION for a kernel without a bench */
export async function kernelsSpec(options: {
  kernels?: string[] | undefined;
  threads: number[];
  isa?: string | undefined;
}): Promise<KernelsSpec> {
  const known = await benchedKernels();
  const unknown = options.kernels?.find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new MtplxError('MTPLX_E_OPTION', {
      option: '--kernel',
      problem: `no kernel with a bench is called "${unknown}"; there are ${known.join(', ')}`,
    });
  return {
    kernels: options.kernels === undefined || options.kernels.length === 0 ? known : [...new Set(options.kernels)],
    threads: [...new Set(options.threads)],
    isa: options.isa ?? null,
  };
}

/** Every kernel beside its form in stock MLX ops and a plain read of its bytes. A unit is one kernel at one thread count. */
export const kernels: Experiment<KernelsSpec, typeof kernelColumns, KernelsDocument> = {
  name: 'kernels',
  specVersion: 1,
  specSchema,
  resultSchema: kernelsSchema,
  columns: kernelColumns,
  units: (spec) =>
    spec.threads.flatMap((threads) =>
      spec.kernels.map((kernel) => ({
        key: `${kernel}/${threads}`,
        text: `${kernel}, ${threads} thread${threads === 1 ? '' : 's'}`,
        cost: 1,
      })),
    ),
  open: async ({ isa }) => ({
    engine: buildInfo(),
    model: null,
    run: async ({ key }, signal) => {
      const [kernel, threads] = key.split('/') as [string, string];
      const { build, timings } = await runKernelBench(kernel, Number(threads), isa, signal);
      return timings.map((timing) => ({ kernel, threads: build.threads, isa: build.isa, ...timing }));
    },
    close: async () => {},
  }),
  summarise: (_spec, rows, context) => summariseKernels(rows, context),
  headline: ({ rows }) => `${new Set(rows.map(({ kernel }) => kernel)).size} kernels`,
};
