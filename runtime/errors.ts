/**
 * Every error that a user can meet: message, exit code of the command line, HTTP status and what to do next.
 * docs/errors.md shows the same table; a test compares them. A code is never reused.
 *
 * Exit codes: 1 something failed, 2 bad input or a model without MTP head, 3 a model that is incomplete or does not
 * fit its own description, 4 a model or backend that is not supported, 130 stopped by the user.
 */
const table = {
  MTPLX_E_ABORTED: entry('Stopped: {reason}.', 130, 499, 'Nothing to do: the work was cancelled.'),
  MTPLX_E_ADDON_BROKEN: entry(
    'Cannot load the native addon {path}: {reason}.',
    1,
    500,
    'Build it again: npm run build:native. If the message names a library, MLX moved: remove build/node first.',
  ),
  MTPLX_E_ADDON_MISSING: entry(
    'The native addon is not built: no {path}.',
    1,
    500,
    'Run npm run build:native in the folder of the package. It needs CMake, a C++20 compiler, and Python 3 with pip for MLX.',
  ),
  MTPLX_E_BACKEND_UNSUPPORTED: entry(
    'Backend {backend} is not supported.',
    4,
    400,
    'Use --backend cpu. metal and cuda come when their kernels pass every exactness gate.',
  ),
  MTPLX_E_BENCH_FAILED: entry(
    'The bench of kernel {kernel} failed: {problem}.',
    1,
    500,
    'Build the benches again: npm run build:bench.',
  ),
  MTPLX_E_BENCH_MISSING: entry(
    'The benches of the kernels are not built: no {path}.',
    1,
    500,
    'Run npm run build:bench in the folder of the package.',
  ),
  MTPLX_E_CHAT_TEMPLATE: entry(
    '{file}: the chat template failed: {problem}.',
    3,
    400,
    'Check the messages, or give the prompt without template (--raw).',
  ),
  MTPLX_E_CONFIG_KEY: entry(
    '{file}: {key} {problem}.',
    3,
    500,
    'Required keys have no defaults here: take config.json from the original checkpoint.',
  ),
  MTPLX_E_CONFIG_UNSUPPORTED: entry(
    '{file}: {key} is {found}; supported: {supported}.',
    4,
    500,
    'Use a checkpoint of a supported form.',
  ),
  MTPLX_E_CONVERT: entry(
    'Cannot convert {folder}: {problem}.',
    1,
    500,
    'Check the source folder and the options of mtplx convert.',
  ),
  MTPLX_E_DISK_FULL: entry('No space left while writing {path}.', 1, 507, 'Free some space, or choose another folder.'),
  MTPLX_E_DISPOSED: entry(
    'This {what} was disposed of.',
    1,
    503,
    'Make a new one; dispose of it only after its last use.',
  ),
  MTPLX_E_DRAFT_HEAD_POINTLESS: entry(
    'The LM head already has {bits} bits: a draft head of {wanted} bits gains nothing.',
    2,
    400,
    'Leave the draft head out.',
  ),
  MTPLX_E_ENGINE: entry(
    'The engine failed: {problem}.',
    1,
    500,
    'Dispose of the model and load it again. Please report this with the message.',
  ),
  MTPLX_E_ENGINE_USAGE: entry(
    'Wrong use of the engine: {problem}.',
    1,
    500,
    'This is a bug of the caller. Please report it with the message.',
  ),
  MTPLX_E_FILE_BROKEN: entry('{file}: {problem}.', 3, 500, 'Download or convert the file again.'),
  MTPLX_E_FILE_TRUNCATED: entry(
    '{file} is cut off in {tensor}: expected {expected} bytes, found {found}.',
    3,
    500,
    'Download the file again.',
  ),
  MTPLX_E_INTERNAL: entry(
    'Unexpected error: {problem}.',
    1,
    500,
    'This is a bug. Run again with MTPLX_DEBUG=1 and report the stack trace.',
  ),
  MTPLX_E_ISA: entry(
    'Instruction set {isa} is unknown or does not run on this CPU.',
    2,
    500,
    'Unset MTPLX_ISA, or name a set that this CPU runs.',
  ),
  MTPLX_E_MODEL_FAMILY: entry(
    '{file}: model_type {family} has no backend. Supported: {supported}.',
    4,
    500,
    'Choose a model of a supported family.',
  ),
  MTPLX_E_MODEL_NOT_FOUND: entry(
    'No model in {folder}: {problem}.',
    2,
    404,
    'Give the folder that holds config.json and the safetensors files.',
  ),
  MTPLX_E_NO_MTP: entry(
    '{folder} has no MTP head.',
    2,
    400,
    'Use a checkpoint that ships its MTP weights, or decode plainly (--no-mtp).',
  ),
  MTPLX_E_OPTION: entry('{option}: {problem}.', 2, 400, 'See --help for the values that are allowed.'),
  MTPLX_E_OUT_OF_MEMORY: entry(
    'Out of memory: {problem}.',
    1,
    507,
    'Use a smaller model, fewer bits or a shorter context.',
  ),
  MTPLX_E_PEER: entry(
    'Cannot compare with {server}: {problem}.',
    1,
    502,
    'Run the command by hand and see what it says; it must serve /v1/completions or /v1/chat/completions.',
  ),
  MTPLX_E_PROFILE_BROKEN: entry(
    'The profile {file} cannot be read: {problem}.',
    3,
    500,
    'Correct the file, or remove it and run mtplx tune again.',
  ),
  MTPLX_E_PROMPT_TOO_LONG: entry(
    'The prompt has {tokens} tokens, {limit} fit.',
    2,
    400,
    'Shorten the prompt, or ask for fewer new tokens.',
  ),
  MTPLX_E_QUANTIZATION: entry(
    '{file}: tensor {tensor} has an impossible quantisation: expected {expected}, found {found}.',
    3,
    500,
    'Convert the model again, or correct the quantization entry of config.json.',
  ),
  MTPLX_E_RUN_BROKEN: entry(
    '{file}: {problem}.',
    1,
    500,
    'The run cannot be used. Move its folder away and run the experiment again.',
  ),
  MTPLX_E_RUN_BUSY: entry('Process {pid} is working on {run}.', 2, 409, 'Wait until it ends, or stop it with Ctrl-C.'),
  MTPLX_E_RUN_MISMATCH: entry(
    'This run cannot be continued or repeated here: {problem}.',
    2,
    409,
    'Use what the run used (mtplx runs shows it), or start a new run.',
  ),
  MTPLX_E_RUN_NOT_FOUND: entry(
    'There is no run in {run}.',
    2,
    404,
    'See mtplx runs, or give the path of a folder that holds a spec.json.',
  ),
  MTPLX_E_SEQUENCE_LOST: entry(
    'An earlier error left this sequence in an unknown state: {problem}.',
    1,
    500,
    'Dispose of the sequence and start a new one.',
  ),
  MTPLX_E_SUITE_UNKNOWN: entry('There is no suite {suite}. Known: {known}.', 2, 400, 'Name one of the known suites.'),
  MTPLX_E_TENSOR_DTYPE: entry(
    '{file}: tensor {tensor} has the wrong element type: expected {expected}, found {found}.',
    3,
    500,
    'Convert the model again from the original checkpoint.',
  ),
  MTPLX_E_TENSOR_MISSING: entry(
    '{file}: tensor {tensor} is missing: expected {expected}, found {found}.',
    3,
    500,
    'Download all shards, or convert the model again.',
  ),
  MTPLX_E_TENSOR_SHAPE: entry(
    '{file}: tensor {tensor} has the wrong shape: expected {expected}, found {found}.',
    3,
    500,
    'Check that config.json belongs to these weights.',
  ),
  MTPLX_E_TOKENIZER: entry('{file}: {problem}.', 3, 500, 'The folder needs the tokenizer.json of its own model.'),
  MTPLX_E_UNVERIFIED: entry(
    '{folder} is not verified: {reason}.',
    3,
    409,
    'Run mtplx verify on the model, or leave --require-verified out.',
  ),
  MTPLX_E_UNWRITABLE: entry(
    'Cannot write {path}: {reason}.',
    1,
    500,
    'Run in a folder that you may write to, or move what stands in the way.',
  ),
} as const;

interface Entry<Message extends string> {
  /** Names in braces are the error's parameters. */
  message: Message;
  exit: number;
  status: number;
  remedy: string;
}

function entry<const Message extends string>(
  message: Message,
  exit: number,
  status: number,
  remedy: string,
): Entry<Message> {
  return { message, exit, status, remedy };
}

type Names<Message extends string> = Message extends `${string}{${infer Name}}${infer Rest}`
  ? Name | Names<Rest>
  : never;

export type ErrorCode = keyof typeof table;
export type ErrorParams<Code extends ErrorCode> = Record<Names<(typeof table)[Code]['message']>, unknown>;

/** The table, for the documentation and its test. */
export const errorTable: Readonly<Record<ErrorCode, Entry<string>>> = table;

/** An error of the table. `remedy` says what to do next. */
export class MtplxError<Code extends ErrorCode = ErrorCode> extends Error {
  override readonly name = 'MtplxError';
  readonly code: Code;
  readonly params: Readonly<Record<string, unknown>>;

  constructor(code: Code, params: ErrorParams<Code>, options?: ErrorOptions) {
    super(fill(table[code].message, params), options);
    this.code = code;
    this.params = params;
  }

  get exit(): number {
    return table[this.code].exit;
  }
  get status(): number {
    return table[this.code].status;
  }
  get remedy(): string {
    return table[this.code].remedy;
  }
}

/**
 * What the addon threw, as an error of the table under the addon's own message, which knows more than the template.
 * Everything else comes back as it is.
 */
export function fromNative(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof MtplxError) return error;
  const { code } = error as { code?: unknown };
  if (!isErrorCode(code)) return error;
  const known = new MtplxError('MTPLX_E_ENGINE', { problem: error.message }, { cause: error });
  return Object.defineProperties(known, { code: { value: code, enumerable: true }, message: { value: error.message } });
}

/** Any thrown value as an error of the table. */
export function asMtplxError(error: unknown): MtplxError {
  const known = fromNative(error);
  if (known instanceof MtplxError) return known;
  if (!(known instanceof Error))
    return new MtplxError('MTPLX_E_INTERNAL', { problem: String(known) }, { cause: known });
  const problem = known.message.replace(/\.$/, '');
  if (known.name === 'AbortError') return new MtplxError('MTPLX_E_ABORTED', { reason: problem }, { cause: known });
  const { code, path } = known as NodeJS.ErrnoException;
  if (code === 'ENOSPC') return new MtplxError('MTPLX_E_DISK_FULL', { path: path ?? 'a file' }, { cause: known });
  return new MtplxError('MTPLX_E_INTERNAL', { problem }, { cause: known });
}

function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(table, code);
}

function fill(message: string, params: Record<string, unknown>): string {
  return message.replace(/\{(\w+)\}/g, (_, name: string) => String(params[name]));
}
