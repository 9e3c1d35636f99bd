import { z } from 'zod';
import { machineSchema } from '../machine.ts';

/** Build of the engine and what it runs on. */
export const engineSchema = z.strictObject({
  backend: z.string(),
  mlx: z.string(),
  /** Instruction set in use, and those that this CPU runs. */
  isa: z.string(),
  isas: z.array(z.string()),
  threads: z.int().min(1),
  compiler: z.string(),
});

/** `hash` names the checkpoint; see runtime/model/hash.ts. */
export const modelSchema = z.strictObject({
  name: z.string(),
  hash: z.string().length(64),
  family: z.string(),
  weight_bytes: z.int().min(0),
});

/** spec.json: what was run, with what and where. The same stands in the record's metadata. */
export const descriptionSchema = z.strictObject({
  experiment: z.string(),
  spec_version: z.int().min(1),
  /** Checked by the experiment's own schema. */
  spec: z.record(z.string(), z.unknown()),
  mtplx: z.string(),
  /** See runtime/numerics.ts. */
  numerics_version: z.int().min(1),
  /** Checked-out commit and whether files differ from it; null for an installed package. */
  commit: z.string().nullable(),
  dirty: z.boolean().nullable(),
  machine: machineSchema,
  engine: engineSchema.nullable(),
  model: modelSchema.nullable(),
  /** When the run began, ISO 8601. */
  started: z.iso.datetime(),
});

export type RunDescription = z.infer<typeof descriptionSchema>;
