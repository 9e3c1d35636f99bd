import { join } from 'node:path';
import { packageRoot } from '../package.ts';

/** Folder of the small trained model that comes with the package. */
export const embeddedModel = join(packageRoot, 'fixtures/model');
