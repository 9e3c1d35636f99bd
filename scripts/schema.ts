// Writes the JSON Schema of the runtime contract; runtime/model/contract.test.ts fails when it is not current.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { contractJsonSchema } from '../runtime/model/contract.ts';
import { packageRoot } from '../runtime/package.ts';

const file = join(packageRoot, 'docs/mtplx_runtime.schema.json');
writeFileSync(file, `${JSON.stringify(contractJsonSchema(), null, 2)}\n`);
