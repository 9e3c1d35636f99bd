import { z } from 'zod';
import { originSchema } from '../header.ts';

/** One shape at one number of rows M. Times are medians in microseconds; MLX's include its graph and eval. */
export const kernelRowSchema = z.strictObject({
  kernel: z.string(),
  shape: z.string(),
  threads: z.int().min(1),
  isa: z.string(),
  /** M. */
  rows: z.int().min(1),
  us: z.number(),
  /** Bytes read and written over the time. */
  gb_s: z.number(),
  /** Time of a plain read of as many bytes by the same threads ÷ own time. Above 1 where M rows share what is read. */
  share_of_bound: z.number(),
  /** t(M) ÷ t(1) of the same shape; null where M = 1 was not measured. */
  over_one_row: z.number().nullable(),
  mlx_us: z.number(),
  /** Stock MLX's time ÷ own time. */
  faster_than_mlx: z.number(),
});

/** What `mtplx bench kernels --json` prints. */
export const kernelsSchema = z.strictObject({
  ...originSchema.shape,
  engine: z.strictObject({ mlx: z.string(), compiler: z.string() }),
  rows: z.array(kernelRowSchema),
});

export type KernelRow = z.infer<typeof kernelRowSchema>;
export type KernelsDocument = z.infer<typeof kernelsSchema>;
