import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** The font of all figures. It comes with the package, so that a figure is the same on every machine. */
export const fontFamily = 'DejaVu Sans';

const require = createRequire(import.meta.url);
/** The part of opentype.js 2 that is used; the package ships no types. */
const { parse } = require('opentype.js') as { parse(this: void, bytes: ArrayBuffer): Font };

interface Font {
  unitsPerEm: number;
  charToGlyph(character: string): { advanceWidth: number };
}

const files = {
  normal: require.resolve('dejavu-fonts-ttf/ttf/DejaVuSans.ttf'),
  bold: require.resolve('dejavu-fonts-ttf/ttf/DejaVuSans-Bold.ttf'),
};

export const fontFiles = Object.values(files);

type Weight = keyof typeof files;
const fonts: Partial<Record<Weight, Font>> = {};

/** Width of a text in pixels: the sum of its advances. Vega guesses without a canvas, and hides labels that would fit. */
export function textWidth(text: string, size: number, weight: string | number | undefined): number {
  const bold = weight === 'bold' || Number(weight) >= 600;
  const font = load(bold ? 'bold' : 'normal');
  let units = 0;
  for (const character of text) units += font.charToGlyph(character).advanceWidth;
  return (units * size) / font.unitsPerEm;
}

function load(weight: Weight): Font {
  return (fonts[weight] ??= parse(new Uint8Array(readFileSync(files[weight])).buffer));
}
