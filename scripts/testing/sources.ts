import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../runtime/package.ts';

/** Files under the folders whose path matches, relative to `root`, sorted. node_modules stays out. */
export function sources(folders: readonly string[], pattern: RegExp, root: string = packageRoot): string[] {
  return folders
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) => `${folder}/${file}`),
    )
    .filter((file) => pattern.test(file) && !file.includes('node_modules/'))
    .toSorted();
}
