import { createRequire } from 'node:module';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { isMainThread } from 'node:worker_threads';
import type { NativeAddon } from '../../native/types.ts';
import { MtplxError } from '../errors.ts';
import { packageRoot } from '../package.ts';

const require = createRequire(import.meta.url);

/** Where `npm run build:native` puts the addon. `name`: `mtplx`, or the build with faults that the harness uses. */
export function addonPath(name = 'mtplx'): string {
  return path.join(packageRoot, 'build', 'node', 'Release', `${name}.node`);
}

let loaded: NativeAddon | undefined;

/**
 * The native addon, loaded on first use.
 * @throws MtplxError MTPLX_E_ADDON_MISSING when it was never built, MTPLX_E_ADDON_BROKEN when it cannot be loaded.
 */
export function addon(): NativeAddon {
  loaded ??= prepared(loadAddon(process.env['MTPLX_ADDON_NAME'] ?? 'mtplx'));
  return loaded;
}

/** `process.exit` on the main thread would run MLX's static destructors under a running job: it waits for that job. */
function prepared(native: NativeAddon): NativeAddon {
  if (isMainThread) process.once('exit', () => native.shutdown());
  return native;
}

function loadAddon(name: string): NativeAddon {
  const file = addonPath(name);
  if (!existsSync(file)) {
    throw new MtplxError('MTPLX_E_ADDON_MISSING', { path: file });
  }
  try {
    return require(file) as NativeAddon;
  } catch (error) {
    throw new MtplxError(
      'MTPLX_E_ADDON_BROKEN',
      { path: file, reason: error instanceof Error ? error.message : String(error) },
      { cause: error },
    );
  }
}
