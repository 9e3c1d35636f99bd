import { relative, resolve } from 'node:path';
import { z } from 'zod';
import { embeddedModel, loadModel, type LoadOptions, type Model, MtplxError } from '../../runtime/index.ts';
import { openModelFolder } from '../../runtime/model/folder.ts';
import type { RunDescription } from './description.ts';
import type { Environment } from './experiment.ts';

/** The model in a spec. `folder` is null for the embedded model, so that the spec is the same on every machine. */
export const modelChoice = z.strictObject({
  folder: z.string().nullable(),
  name: z.string(),
  /** See runtime/model/hash.ts. */
  hash: z.string().length(64),
});

export type ModelChoice = z.infer<typeof modelChoice>;

/** The model of a folder as a spec names it; reads no weights. @throws what openModelFolder throws */
export async function chooseModel(path: string): Promise<ModelChoice> {
  const { folder, name, hash } = await openModelFolder(path);
  const embedded = relative(resolve(embeddedModel), resolve(path)) === '';
  return { folder: embedded ? null : folder, name, hash };
}

/**
 * Loads the model of a spec.
 * @throws MtplxError MTPLX_E_RUN_MISMATCH when the folder holds another model; what loadModel throws
 */
export async function openModel(
  choice: ModelChoice,
  { modelFolder, report }: Pick<Environment, 'modelFolder' | 'report'>,
  options: LoadOptions = {},
): Promise<Model> {
  report('load the model');
  const path = modelFolder ?? choice.folder ?? embeddedModel;
  const { hash } = await openModelFolder(path);
  if (hash !== choice.hash)
    throw new MtplxError('MTPLX_E_RUN_MISMATCH', {
      problem: `the model in ${path} has the hash ${hash.slice(0, 12)}…, the run's has ${choice.hash.slice(0, 12)}…`,
    });
  return loadModel(path, options);
}

/** What a loaded model says for the record. */
export function describeModel(model: Model): {
  engine: NonNullable<RunDescription['engine']>;
  model: NonNullable<RunDescription['model']>;
} {
  const { backend, mlx, isa, isas, threads, compiler } = model.build;
  const { name, hash, spec } = model.folder;
  return {
    engine: { backend, mlx, isa, isas, threads, compiler },
    model: { name, hash, family: spec.family, weight_bytes: model.engine.info.weightBytes },
  };
}
