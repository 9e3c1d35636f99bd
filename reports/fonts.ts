import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import opentype from 'opentype.js';

/** The font of all figures. It comes with the package, so that a figure is the same on every machine. */
export const fontFamily = 'DejaVu Sans';

const require = createRequire(import.meta.url);
const files = {
  normal: require.resolve('dejavu-fonts-ttf/ttf/DejaVuSans.ttf'),
  bold: require.resolve('dejavu-fonts-ttf/ttf/DejaVuSans-Bold.ttf'),
};

export const fontFiles = Object.values(files);

type Weight = keyof typeof files;
const fonts: Partial<Record<Weight, ReturnType<typeof opentype.parse>>> = {};

/** Width of a text in pixels: the sum of its advances. Vega guesses without a canvas, and hides labels that would fit. */
export function textWidth(text: string, size: number, weight: string | number | undefined): number {
  const bold = weight === 'bold' || Number(weight) >= 600;
  const font = load(bold ? 'bold' : 'normal');
  let units = 0;
  for (const character of text) units += font.charToGlyph(character).advanceWidth;
  return (units * size) / font.unitsPerEm;
}

function load(weight: Weight): ReturnType<typeof opentype.parse> {
  return (fonts[weight] ??= opentype.parse(new Uint8Array(readFileSync(files[weight])).buffer));
}
