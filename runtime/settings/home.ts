import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';

/**
 * The user's folder for settings: `MTPLX_HOME`, else ~/Library/Application Support/mtplx on macOS, else mtplx in
 * `XDG_CONFIG_HOME` or ~/.config. It need not exist.
 */
export function settingsFolder(
  env: Record<string, string | undefined> = process.env,
  platform: NodeJS.Platform = process.platform,
  home: string = homedir(),
): string {
  const own = env['MTPLX_HOME'];
  if (own) return resolve(own);
  if (platform === 'darwin') return join(home, 'Library/Application Support/mtplx');
  const config = env['XDG_CONFIG_HOME'];
  // The XDG specification has a relative path ignored.
  return join(config && isAbsolute(config) ? config : join(home, '.config'), 'mtplx');
}
