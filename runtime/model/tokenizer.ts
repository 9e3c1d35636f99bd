import { readFile } from 'node:fs/promises';
import { MtplxError } from '../errors.ts';
import { parseJsonObject } from './config.ts';
import { tokenBytes } from './byte-level.ts';
import { loadNative, loadPortable } from './tokenizer-backends.ts';
import type { TokenizerBackend } from './tokenizer-backends.ts';

/** Text to token ids and back, for byte-level BPE (every supported family's). */
export interface Tokenizer {
  /** `native`: Hugging Face's Rust library; `portable`: its JavaScript sibling, where no binary fits the machine. */
  readonly backend: 'native' | 'portable';
  /** Ids that carry control meaning, such as `<|im_end|>`; decode leaves them out when asked. */
  readonly specialIds: ReadonlySet<number>;
  /** Ids of the text, with control tokens recognised and none added. Lone surrogates become U+FFFD. */
  encode(text: string): Promise<Int32Array>;
  /** The text of all ids at once; bytes that are not UTF-8 become U+FFFD. Ids outside the vocabulary have no text. */
  decode(ids: Iterable<number>, options?: { skipSpecial?: boolean }): string;
  /** UTF-8 bytes that one id stands for, which may be a part of a character. */
  bytes(id: number): Uint8Array;
  tokenToId(token: string): number | null;
}

/**
 * Loads a tokenizer.json.
 * @param options.backend forces one of the two libraries; by default native with the portable one as fallback.
 * @throws MtplxError MTPLX_E_TOKENIZER when the file is no byte-level tokenizer
 */
export async function loadTokenizer(
  file: string,
  options: { backend?: 'native' | 'portable' } = {},
): Promise<Tokenizer> {
  const invalid = (problem: string, cause?: unknown): MtplxError =>
    new MtplxError('MTPLX_E_TOKENIZER', { file, problem }, { cause });
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw invalid(`it cannot be read (${(cause as Error).message})`, cause);
  });
  const json = parseJsonObject(text, file);
  if (!isByteLevel(json['decoder']))
    throw invalid(`its decoder is ${JSON.stringify(json['decoder'])}, byte-level BPE is needed`);
  try {
    return new ByteLevelTokenizer(await loadBackend(text, json, options.backend), specialIds(json));
  } catch (cause) {
    throw invalid((cause as Error).message, cause);
  }
}

async function loadBackend(
  text: string,
  json: Record<string, unknown>,
  wanted?: 'native' | 'portable',
): Promise<TokenizerBackend> {
  if (wanted === 'portable') return loadPortable(json);
  const native = await loadNative(text);
  if (native === null && wanted === 'native') throw new Error('the native library has no binary for this machine');
  return native ?? loadPortable(json);
}

class ByteLevelTokenizer implements Tokenizer {
  readonly backend: 'native' | 'portable';
  readonly specialIds: ReadonlySet<number>;
  readonly #backend: TokenizerBackend;
  readonly #bytes = new Map<number, Uint8Array>();

  constructor(backend: TokenizerBackend, special: ReadonlySet<number>) {
    this.backend = backend.name;
    this.specialIds = special;
    this.#backend = backend;
  }

  async encode(text: string): Promise<Int32Array> {
    return Int32Array.from(await this.#backend.encode(text.toWellFormed()));
  }

  decode(ids: Iterable<number>, { skipSpecial = false }: { skipSpecial?: boolean } = {}): string {
    const parts: Uint8Array[] = [];
    for (const id of ids) if (!skipSpecial || !this.specialIds.has(id)) parts.push(this.bytes(id));
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(Buffer.concat(parts));
  }

  bytes(id: number): Uint8Array {
    let bytes = this.#bytes.get(id);
    if (bytes === undefined) {
      const token = this.#backend.idToToken(id);
      this.#bytes.set(id, (bytes = token === null ? new Uint8Array() : tokenBytes(token)));
    }
    return bytes;
  }

  tokenToId(token: string): number | null {
    return this.#backend.tokenToId(token);
  }
}

function isByteLevel(decoder: unknown): boolean {
  if (typeof decoder !== 'object' || decoder === null) return false;
  const { type, decoders } = decoder as { type?: unknown; decoders?: unknown };
  return (
    type === 'ByteLevel' ||
    (type === 'Sequence' && Array.isArray(decoders) && decoders.length === 1 && isByteLevel(decoders[0]))
  );
}

function specialIds(json: Record<string, unknown>): Set<number> {
  const added = (json['added_tokens'] ?? []) as { id: number; special: boolean }[];
  return new Set(added.filter(({ special }) => special).map(({ id }) => id));
}
