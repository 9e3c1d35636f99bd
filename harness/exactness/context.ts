import type { Model } from '../../runtime/index.ts';
import { trueEngine } from './engine.ts';
import type { GateContext, ModelFacts } from './gate.ts';
import { goldenFile } from './goldens.ts';
import { gateText } from './text.ts';

/** What the gates run on: a loaded model and their text in its tokens. @throws RangeError for too short a text */
export async function gateContext(model: Model, signal?: AbortSignal): Promise<GateContext> {
  const { engine, folder } = model;
  return {
    engine: trueEngine(engine, signal),
    model: engine,
    folder,
    tokens: await gateText((text) => model.encode(text)),
  };
}

export function factsOf({ folder }: Pick<Model, 'folder'>): ModelFacts {
  const { spec, config } = folder;
  return {
    mtp: spec.mtp,
    goldens: goldenFile(folder.folder) !== null,
    vocabSize: spec.vocabSize,
    maxPositions: config.maxPositions,
  };
}
