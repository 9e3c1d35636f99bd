/** Placeholder of this branch: the table is written on branch scaffold. */
const templates = {
  MTPLX_E_MODEL_NOT_FOUND: 'No model in {folder}: {problem}.',
  MTPLX_E_MODEL_FAMILY: '{file}: model_type {family} has no backend. Supported: {supported}.',
  MTPLX_E_CONFIG_KEY: '{file}: {key} {problem}.',
  MTPLX_E_CONFIG_UNSUPPORTED: '{file}: {key} is {found}; supported: {supported}.',
  MTPLX_E_FILE_BROKEN: '{file}: {problem}.',
  MTPLX_E_FILE_TRUNCATED: '{file} is cut off in {tensor}: expected {expected} bytes, found {found}. Download it again.',
  MTPLX_E_TENSOR_MISSING: '{file}: tensor {tensor} is missing: expected {expected}, found {found}.',
  MTPLX_E_TENSOR_SHAPE: '{file}: tensor {tensor} has the wrong shape: expected {expected}, found {found}.',
  MTPLX_E_TENSOR_DTYPE: '{file}: tensor {tensor} has the wrong element type: expected {expected}, found {found}.',
  MTPLX_E_QUANTIZATION: '{file}: tensor {tensor} has an impossible quantisation: expected {expected}, found {found}.',
  MTPLX_E_TOKENIZER: '{file}: {problem}.',
  MTPLX_E_CHAT_TEMPLATE: '{file}: the chat template failed: {problem}.',
  MTPLX_E_CONVERT: 'Cannot convert {folder}: {problem}.',
} as const;

export type ErrorCode = keyof typeof templates;

export class MtplxError extends Error {
  readonly code: ErrorCode;
  readonly params: Record<string, unknown>;

  constructor(code: ErrorCode, params: Record<string, unknown>, options?: ErrorOptions) {
    super(templates[code].replace(/\{(\w+)\}/g, (_, name: string) => String(params[name])), options);
    this.name = 'MtplxError';
    this.code = code;
    this.params = params;
  }
}
