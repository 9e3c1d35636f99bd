import { EngineModel } from '../../../runtime/engine/engine.ts';
import { openModelFolder } from '../../../runtime/model/folder.ts';

/** The engine's side of a model folder, which may lack a tokenizer. */
export async function loadEngineModel(path: string): Promise<EngineModel> {
  const { files, tensors, quantized, spec } = (await openModelFolder(path)).plan;
  return EngineModel.load({ files, tensors, quantized, spec, draftHead: null });
}
