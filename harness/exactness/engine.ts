import type { DecodingTarget } from '../../runtime/decoding/cycle.ts';
import type { EngineModel } from '../../runtime/engine/engine.ts';
import { cycleBatch, EngineSequence } from '../../runtime/engine/sequence.ts';
import type { CycleEntry, CycleResult, ModelSpec, SequenceState } from '../../runtime/engine/types.ts';

export type Entry = Omit<CycleEntry, 'sequence'>;

/** What gates need of a sequence; the engine's own is one, and so are the deliberately wrong ones. */
export interface GateSequence extends DecodingTarget {
  rows(what: 'logits' | 'hidden'): Promise<Float32Array>;
  fork(): Promise<GateSequence>;
  inspect(): Promise<SequenceState>;
  dispose(): Promise<void>;
}

/** What gates need of a model. */
export interface GateEngine {
  readonly spec: ModelSpec;
  createSequence(options: { mtp: boolean }): Promise<GateSequence>;
  /** One native call for several sequences. */
  cycleBatch(batch: { sequence: GateSequence; entry: Entry }[]): Promise<CycleResult>;
}

/** The engine as it is. After an abort it makes no more sequences and batches: a case ends there with the signal's reason. */
export function trueEngine(model: EngineModel, signal?: AbortSignal): GateEngine {
  return {
    spec: model.request.spec,
    createSequence(options) {
      signal?.throwIfAborted();
      return model.createSequence(options);
    },
    async cycleBatch(batch) {
      signal?.throwIfAborted();
      return cycleBatch(
        batch.map(({ sequence, entry }) => {
          if (!(sequence instanceof EngineSequence))
            throw new TypeError('A batch takes sequences of the engine alone.');
          return { sequence, entry };
        }),
      );
    },
  };
}
