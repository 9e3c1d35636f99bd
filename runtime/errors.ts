/** Minimal table; see branch scaffold. */
const templates = {
  'model-not-found': 'No model at {folder}: {problem}.',
  'config-unreadable': '{file} cannot be read: {reason}.',
  'config-key': '{file}: the key {key} {problem}.',
  'config-unsupported': '{file}: {key} is {found}; supported: {supported}.',
  'model-family': '{file}: model_type {family} has no backend ({supported}).',
  'weights-unreadable': '{file} cannot be read: {reason}.',
  'weights-header': '{file} is not a valid safetensors file: {problem}.',
  'weights-truncated': '{file} is cut off in {tensor}: expected at least {expected} bytes, found {found}.',
  'weights-missing': '{file}: the tensor {tensor} is missing: expected {expected}, found {found}.',
  'weights-shape': '{file}: {tensor} has the wrong shape: expected {expected}, found {found}.',
  'weights-dtype': '{file}: {tensor} has the wrong element type: expected {expected}, found {found}.',
  'weights-bits': '{file}: {tensor} has an impossible quantisation: expected {expected}, found {found}.',
  'weights-index': '{file}: {problem}.',
  'tokenizer-invalid': '{file}: {problem}.',
  'chat-template': 'The chat template of {file} failed: {problem}.',
  'convert-refused': '{problem}.',
} as const;

export type ErrorCode = keyof typeof templates;

export class MtplxError extends Error {
  readonly code: ErrorCode;
  readonly params: Record<string, unknown>;

  constructor(code: ErrorCode, params: Record<string, unknown>) {
    super(templates[code].replace(/\{(\w+)\}/g, (_, name: string) => String(params[name])));
    this.name = 'MtplxError';
    this.code = code;
    this.params = params;
  }
}
