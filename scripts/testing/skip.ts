/** What uvu's `suite()` returns, as far as it matters here. */
interface Suite {
  skip(name?: string): void;
}

declare global {
  // oxlint-disable-next-line no-var
  var MTPLX_SKIPPED: string[] | undefined;
}

/**
 * Stands in for a suite whose tests cannot run here: each counts as skipped, and the runner lists the reason.
 *
 *     const test = suite('goldens');
 *     const onWeights = existsSync(folder) ? test : skip(test, 'set MTPLX_FIXTURE_BF16 to the bf16 weights');
 *     onWeights('agree to 2e-4', () => …);
 */
export function skip(test: Suite, reason: string): (name: string, body?: unknown) => void {
  return (name) => {
    globalThis.MTPLX_SKIPPED = [...(globalThis.MTPLX_SKIPPED ?? []), `${name}: ${reason}`];
    test.skip();
  };
}
