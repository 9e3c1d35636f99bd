// GPT-2's byte-level alphabet: printable bytes stand for themselves, the others for code points from 256 on.
const byteOfChar = new Map<string, number>();
for (let byte = 0, next = 256; byte < 256; byte++) {
  const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  byteOfChar.set(String.fromCharCode(printable ? byte : next++), byte);
}

/** The bytes of one token of the vocabulary. A token with a character outside the alphabet (an added one) is plain UTF-8. */
export function tokenBytes(token: string): Uint8Array {
  const bytes = new Uint8Array(token.length);
  for (let i = 0; i < token.length; i++) {
    const byte = byteOfChar.get(token[i]!);
    if (byte === undefined) return Buffer.from(token, 'utf8');
    bytes[i] = byte;
  }
  return bytes;
}
