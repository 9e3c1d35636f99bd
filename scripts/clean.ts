// Removes the folders named, all of them build outputs.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../runtime/package.ts';

for (const folder of process.argv.slice(2)) {
  if (!/^(dist|build(\/[\w-]+)?)$/.test(folder)) throw new Error(`${folder} is no build output.`);
  rmSync(join(packageRoot, folder), { recursive: true, force: true });
}
