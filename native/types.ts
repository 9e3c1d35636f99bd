/**
 * The one description of the native addon in TypeScript. All calls run on the engine thread,
 * in the order in which they were made; every Promise may reject with an Error whose `code`
 * stands in the table of runtime/errors.ts.
 *
 * Handles (models, sequences) belong to the environment that made them.
 */

export type Isa = 'scalar' | 'avx2' | 'avxvnni' | 'avx512' | 'avx512vnni' | 'amx' | 'neon' | 'neondot';

export interface BuildInfo {
  /** Version of the MLX library that is loaded, such as "0.32.4". */
  mlx: string;
  backend: 'cpu';
  /** Instruction set in use, and those that this CPU runs. */
  isa: Isa;
  isas: Isa[];
  threads: number;
  compiler: string;
}

export type FamilyName = 'qwen3_5' | 'qwen3_5_moe' | 'qwen3_next';

/** Everything that the forward pass needs to know of config.json, checked by TypeScript. */
export interface ModelSpec {
  family: FamilyName;
  vocabSize: number;
  hiddenSize: number;
  /** One entry a trunk layer. */
  layers: ('linear' | 'full')[];
  rmsNormEps: number;
  tiedEmbeddings: boolean;
  attention: {
    queryHeads: number;
    kvHeads: number;
    headDim: number;
    rotaryDim: number;
    ropeTheta: number;
    /** q_proj carries [query | gate] for each head. */
    gated: boolean;
  };
  gatedDelta: {
    keyHeads: number;
    valueHeads: number;
    keyDim: number;
    valueDim: number;
    convKernel: number;
  };
  /** null: a dense model. `layers[i]` says whether trunk layer i has experts; the MTP layer has them too. */
  moe: { experts: number; expertsPerToken: number; normalise: boolean; layers: boolean[] } | null;
  /** The checkpoint ships an MTP head (one layer). */
  mtp: boolean;
}

/**
 * One tensor under its canonical name, and where it comes from.
 *
 * Canonical names are Hugging Face's without prefix: `embed_tokens.weight`, `norm.weight`, `lm_head.weight`,
 * `layers.3.self_attn.q_proj.weight`, `layers.0.linear_attn.A_log`, `layers.0.mlp.experts.gate_proj.weight` [E, F, H],
 * `mtp.fc.weight`, `mtp.layers.0.…`; quantized modules add `.scales` and `.biases`. Qwen3-Next keeps
 * `in_proj_qkvz` and `in_proj_ba`, whose rows the engine reorders.
 */
export interface TensorPlan {
  name: string;
  /** `file` indexes LoadRequest.files. */
  sources: { file: number; key: string }[];
  /** take: the tensor as it is; stack: sources along a new first axis; first-half, second-half: of the rows (axis -2). */
  op: 'take' | 'stack' | 'first-half' | 'second-half';
  /** Shape after `op`, which the engine checks. */
  shape: number[];
}

export interface QuantizedModule {
  /** Canonical module path, such as `layers.3.self_attn.q_proj`. */
  module: string;
  bits: number;
  groupSize: number;
}

export interface LoadRequest {
  files: string[];
  tensors: TensorPlan[];
  quantized: QuantizedModule[];
  spec: ModelSpec;
  /** Requantise a copy of the LM head for drafting. */
  draftHead: { bits: 3 | 4; groupSize: 32 | 64 | 128 } | null;
}

export interface LoadProgress {
  done: number;
  total: number;
}

export interface LoadedModel {
  model: number;
  /** Bytes of weights held in memory. */
  weightBytes: number;
  /** Convention found by value: `raw` norms are stored as w - 1 and got 1 added. */
  norms: { trunk: 'raw' | 'shifted'; mtp: 'raw' | 'shifted' | 'mixed' | null };
}

/** Which part of softmax(logits / temperature) may be drawn: top-p first, then top-k, then renormalised. */
export interface Filter {
  /** 0: the argmax, ties to the lower id. */
  temperature: number;
  /** (0, 1] */
  topP: number;
  /** 0: no cut. */
  topK: number;
}

/**
 * Randomness of draws. `uniform`: one number in (0, 1) for each draw, through the inverse of the cumulative sum in
 * falling order of probability. `gumbel`: argmax of ln p + Gumbel noise keyed by (seed, choice, position, token id).
 */
export type Noise =
  { kind: 'none' } | { kind: 'uniform'; uniforms: Float64Array } | { kind: 'gumbel'; seed: bigint; choice: number };

export interface DrawSpec {
  filter: Filter;
  noise: Noise;
}

/** Edits of one logits row, before any cut: logit * multiply + add for each id, then ids outside the mask become -inf. */
export interface RowEdits {
  ids: Int32Array;
  multiply: Float32Array;
  add: Float32Array;
  /** Empty, or ceil(V / 32) words; bit i % 32 of word i >> 5 allows id i. */
  mask: Uint32Array;
}

export interface CycleEntry {
  sequence: number;
  /** How many rows of this sequence's previous cycle become history: 0 … its row count. */
  keep: number;
  /** Tokens to feed at positions length, length + 1, … (length after the commit). At least one. */
  tokens: Int32Array;
  /** Drafts after the tokens, 0 … 8; more than 0 only with one token and an MTP head. */
  depth: number;
  /**
   * All rows become history in this call, and the next one's `keep` is 0; only with depth 0. For a prompt's chunk: its
   * recurrent states are then written in place. An error in the call loses the sequence, as always.
   */
  commits: boolean;
  /** How drafts are drawn; null with depth 0. A uniform noise has `depth` numbers. */
  draft: DrawSpec | null;
  /** Rows whose logits are computed and kept until the sequence's next cycle. */
  logits: 'none' | 'last' | 'all';
  /** Candidates reported for each logits row: `count` ids by falling logit. */
  candidates: { temperature: number; count: number };
  /** A native draw over each logits row (for filters without top-k); null for none. A uniform noise has one number a row. */
  draw: DrawSpec | null;
  /** Empty, or one for each logits row. */
  edits: RowEdits[];
}

/** Rows and drafts of the whole batch in the order of its entries. */
export interface CycleResult {
  /** Drafted tokens, concatenated. */
  draftTokens: Int32Array;
  /** Size of each draft's support. */
  draftCounts: Int32Array;
  /** Support ids and the float64 probabilities that were drawn from, by falling probability, concatenated by draftCounts. */
  draftIds: Int32Array;
  draftProbabilities: Float64Array;
  /** Candidates of each logits row; every row of an entry has `candidates.count` of them. */
  ids: Int32Array;
  /** Raw (edited) logits of the candidates. */
  logits: Float32Array;
  /** Log-sum-exp of each logits row at T = 1 and at `candidates.temperature`: two numbers a row. */
  logSums: Float64Array;
  /** Natively drawn token of each logits row of entries with `draw`. */
  drawn: Int32Array;
  times: CycleTimes;
}

/** Nanoseconds. Phases are sums over kernels; `total` is the engine thread's wall time of the call. */
export interface CycleTimes {
  commit: number;
  draft: number;
  verify: number;
  candidates: number;
  total: number;
}

/** CycleEntry[], the arguments of `candidates`, and CycleResult as numbers: see runtime/engine/wire.ts. */
export type PackedBatch = Float64Array;
export type PackedCandidates = Float64Array;
export type PackedResult = ArrayBuffer;

/** What `inspect` gives: everything that a sequence remembers, for exactness tests. */
export interface SequenceState {
  length: number;
  mtpLength: number;
  /** Named float32 tensors: `layers.3.k` [kv_heads, length, head_dim], `layers.0.recurrent`, `layers.0.conv`, `mtp.k`, `hidden` … */
  tensors: { name: string; shape: number[]; data: Float32Array }[];
}

export interface NativeAddon {
  buildInfo(): BuildInfo;
  /**
   * Ends the engine thread of the process after the job in hand, for good; later calls never settle. For the exit of the
   * process: `process.exit` runs no clean-up hooks of the main thread.
   */
  shutdown(): void;
  /** Threads of the kernels, the engine's own included (>= 1). */
  setThreads(threads: number): Promise<void>;
  /** Rejects with the name of a set that does not run here. For tests. */
  setIsa(isa: Isa): Promise<void>;
  /** `onProgress` may be called any number of times before the Promise settles; events are dropped, never queued without bound. */
  loadModel(request: LoadRequest, onProgress: ((progress: LoadProgress) => void) | null): Promise<LoadedModel>;
  /** Sequences of the model stay usable until they are disposed of. */
  unloadModel(model: number): Promise<void>;
  createSequence(model: number, options: { mtp: boolean }): Promise<number>;
  /** An independent sequence with the committed state of `sequence`; its pending rows are not carried over. Cheap: blocks are shared. */
  forkSequence(sequence: number): Promise<number>;
  disposeSequence(sequence: number): Promise<void>;
  /** Commits `keep` rows of the last cycle and drops the others, without computing new ones. */
  commit(sequence: number, keep: number): Promise<void>;
  /** Commit, draft, verify and candidates for every entry in one evaluation. New rows are committed where the entry says so. */
  cycle(batch: PackedBatch): Promise<PackedResult>;
  /** New candidates (and draws) of the logits rows that the last cycle of a sequence kept. */
  candidates(request: PackedCandidates): Promise<PackedResult>;
  /** Whole logits [rows, vocab] or post-norm hidden rows [rows, hidden] of the last cycle. For tests and gates. */
  rows(sequence: number, what: 'logits' | 'hidden'): Promise<Float32Array>;
  /**
   * The MTP layer over a whole sequence: hidden [T, H] and next tokens [T] give post-norm hidden [T, H] and logits
   * [T, V], each row attending to the rows before it. For golden tests of the recursion.
   */
  mtpForward(
    model: number,
    hidden: Float32Array,
    tokens: Int32Array,
  ): Promise<{ hidden: Float32Array; logits: Float32Array }>;
  inspect(sequence: number): Promise<SequenceState>;
  /** Nanoseconds and calls of each kernel since the last call, by name. */
  kernelTimes(): Promise<{ name: string; ns: number; calls: number }[]>;
}
