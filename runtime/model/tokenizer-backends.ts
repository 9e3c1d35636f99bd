/** The part of a tokenizer library that we use. */
export interface TokenizerBackend {
  readonly name: 'native' | 'portable';
  encode(text: string): Promise<ArrayLike<number>>;
  idToToken(id: number): string | null;
  tokenToId(token: string): number | null;
}

/** Hugging Face's Rust library; null when it has no binary for this machine. */
export async function loadNative(text: string): Promise<TokenizerBackend | null> {
  const library = await import('tokenizers').catch(() => null);
  if (library === null) return null;
  const tokenizer = library.Tokenizer.fromString(text);
  return {
    name: 'native',
    encode: async (input) => (await tokenizer.encode(input, null, { addSpecialTokens: false })).getIds(),
    idToToken: (id) => tokenizer.idToToken(id),
    tokenToId: (token) => tokenizer.tokenToId(token),
  };
}

/** Hugging Face's JavaScript library. Encoding blocks: about a second for a million characters. */
export async function loadPortable(json: object): Promise<TokenizerBackend> {
  const { Tokenizer } = await import('@huggingface/tokenizers');
  const tokenizer = new Tokenizer(json, {});
  return {
    name: 'portable',
    encode: async (input) => tokenizer.encode(input, { add_special_tokens: false }).ids,
    idToToken: (id) => tokenizer.id_to_token(id) ?? null,
    tokenToId: (token) => tokenizer.token_to_id(token) ?? null,
  };
}
