/** The part of opentype.js 2 that fonts.ts uses; the package ships no types. */
declare module 'opentype.js' {
  interface Font {
    unitsPerEm: number;
    charToGlyph(character: string): { advanceWidth: number };
  }
  const opentype: { parse(bytes: ArrayBuffer): Font };
  export default opentype;
}
