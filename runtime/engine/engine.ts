import type { BuildInfo, Isa, LoadedModel, LoadProgress, LoadRequest } from '../../native/types.ts';
import { fromNative, MtplxError } from '../errors.ts';
import { addon } from './addon.ts';
import { EngineSequence } from './sequence.ts';

export interface EngineOptions {
  /** `cpu` is the one backend that passes every gate; others are refused by name. */
  backend?: string | undefined;
  /** Threads of the kernels, at least 1. Default: the physical cores. */
  threads?: number | undefined;
}

/** A call of the addon; what it throws or rejects with becomes a MtplxError. */
export async function native<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw fromNative(error);
  }
}

/** Facts about the engine's build and this CPU. Loads the addon. */
export function buildInfo(): BuildInfo {
  try {
    return addon().buildInfo();
  } catch (error) {
    throw fromNative(error);
  }
}

/** Chooses backend and threads for all models of the process. */
export async function configureEngine(options: EngineOptions): Promise<void> {
  const backend = options.backend ?? 'cpu';
  if (backend !== 'cpu') {
    throw new MtplxError('MTPLX_E_BACKEND_UNSUPPORTED', { backend });
  }
  if (options.threads !== undefined) {
    const { threads } = options;
    await native(() => addon().setThreads(threads));
  }
}

/** Forces an instruction set; for tests. */
export async function forceIsa(isa: Isa): Promise<void> {
  await native(() => addon().setIsa(isa));
}

/** Nanoseconds and calls of each kernel since the last call. */
export async function kernelTimes(): Promise<{ name: string; ns: number; calls: number }[]> {
  return native(() => addon().kernelTimes());
}

/** A model in the engine. Dispose of it when done; sequences of it keep it alive until they are disposed of too. */
export class EngineModel {
  readonly info: LoadedModel;
  readonly request: LoadRequest;
  #disposed = false;

  private constructor(info: LoadedModel, request: LoadRequest) {
    this.info = info;
    this.request = request;
  }

  /** Reads the checkpoint that `request` describes. @throws MtplxError naming file, tensor, expected and found. */
  static async load(request: LoadRequest, onProgress?: (progress: LoadProgress) => void): Promise<EngineModel> {
    let listenerError: unknown;
    const listener = (progress: LoadProgress) => {
      try {
        onProgress?.(progress);
      } catch (error) {
        listenerError ??= error;
      }
    };
    const info = await native(() => addon().loadModel(request, onProgress ? listener : null));
    const model = new EngineModel(info, request);
    if (listenerError !== undefined) {
      await model.dispose();
      throw listenerError;
    }
    return model;
  }

  /** An empty sequence; `mtp: false` keeps no state for the MTP head (plain decoding). */
  async createSequence(options: { mtp: boolean }): Promise<EngineSequence> {
    this.#check();
    const handle = await native(() => addon().createSequence(this.info.model, options));
    return new EngineSequence(handle);
  }

  /** The MTP layer over a whole text: hidden [T, H] and next tokens [T]; see native/types.ts. */
  async mtpForward(hidden: Float32Array, tokens: Int32Array): Promise<{ hidden: Float32Array; logits: Float32Array }> {
    this.#check();
    return native(() => addon().mtpForward(this.info.model, hidden, tokens));
  }

  async dispose(): Promise<void> {
    if (!this.#disposed) {
      this.#disposed = true;
      await native(() => addon().unloadModel(this.info.model));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  #check(): void {
    if (this.#disposed) {
      throw new MtplxError('MTPLX_E_DISPOSED', { what: 'model' });
    }
  }
}
