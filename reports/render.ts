import { Resvg } from '@resvg/resvg-js';
import { type LoggerInterface, loader, parse, resetSVGDefIds, textMetrics, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import { fontFamily, fontFiles, textWidth } from './fonts.ts';
import { theme } from './theme.ts';

/** A chart as files: both the same bytes for the same spec, on every machine. */
export interface RenderedFigure {
  svg: string;
  png: Uint8Array;
}

const pngScale = 2;

// Numbers come as they are, and null where there is no text.
textMetrics.width = (item, text) => textWidth(String(text ?? ''), textMetrics.height(item), item.fontWeight);

/** Renders a Vega-Lite chart. @throws Error for anything that Vega warns of: an unknown field would be silent otherwise */
export async function render(spec: TopLevelSpec): Promise<RenderedFigure> {
  const { spec: vega } = compile({ ...spec, config: theme } as TopLevelSpec, { logger: strict });
  // Counters of a process: a figure must not depend on those drawn before it.
  resetSVGDefIds();
  const view = new View(parse(vega), { renderer: 'none', logger: strict, loader: offline });
  try {
    const svg = await view.toSVG();
    return { svg: `${svg}\n`, png: rasterise(svg) };
  } finally {
    view.finalize();
  }
}

function rasterise(svg: string): Uint8Array {
  const font = { loadSystemFonts: false, fontFiles, defaultFontFamily: fontFamily };
  return new Resvg(svg, { font, fitTo: { mode: 'zoom', value: pngScale }, background: 'white' }).render().asPng();
}

const refuse = (...problems: readonly unknown[]): never => {
  throw new Error(`Vega: ${problems.join(' ')}`);
};

const strict: LoggerInterface = {
  level: (() => strict) as LoggerInterface['level'],
  error: refuse,
  warn: refuse,
  info: () => strict,
  debug: () => strict,
};

/** Data stands in the spec; nothing is fetched. */
const offline = { ...loader(), load: refuse as () => never };
