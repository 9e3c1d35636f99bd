import type { Config } from 'vega-lite';
import { fontFamily } from './fonts.ts';

/** Told apart by people with any colour vision: M. Okabe, K. Ito, "Color Universal Design" (2008), black and yellow left out. */
export const colours = ['#0072B2', '#D55E00', '#009E73', '#CC79A7', '#56B4E9', '#E69F00', '#6B6B6B', '#7A5195'];
export const grey = '#6B6B6B';

export const theme: Config = {
  font: fontFamily,
  background: 'white',
  padding: 12,
  title: {
    fontSize: 15,
    subtitleFontSize: 12,
    subtitleColor: '#444',
    anchor: 'start',
    offset: 12,
    subtitlePadding: 6,
    subtitleLineHeight: 16,
  },
  axis: {
    labelFlush: false,
    labelFontSize: 12,
    titleFontSize: 12,
    titleFontWeight: 'normal',
    labelColor: '#222',
    titleColor: '#222',
    gridColor: '#e4e4e4',
    domainColor: '#888',
    tickColor: '#888',
  },
  legend: { labelFontSize: 12, titleFontSize: 12, titleFontWeight: 'normal', labelLimit: 400, symbolSize: 90 },
  header: { labelFontSize: 12, titleFontSize: 12, labelLimit: 400, labelFontWeight: 'bold' },
  range: { category: colours },
  line: { strokeWidth: 2 },
  view: { stroke: null },
};
