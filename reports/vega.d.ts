import 'vega';

/** Exported by vega 6, missing in its types. */
declare module 'vega' {
  export const textMetrics: {
    height(item: object): number;
    width(item: object & { fontWeight?: string | number }, text: string | number | null | undefined): number;
  };
}
