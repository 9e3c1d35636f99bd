// Prints the largest difference of the tiny dense model from its golden: the child process of the mutation tests.
import { join } from 'node:path';
import { packageRoot } from '../../../runtime/package.ts';
import { loadEngineModel } from '../testing/engine-model.ts';
import { goldenDifferences, readGoldens } from '../testing/goldens.ts';

const folder = join(packageRoot, 'fixtures/tiny/dense');
const [golden] = await readGoldens(join(folder, 'golden.safetensors'));
await using model = await loadEngineModel(folder);
const differences = await goldenDifferences(model, golden!, 'last');
// JSON has no Infinity.
console.log(Math.min(Number.MAX_VALUE, Math.max(...differences.map(({ maxDiff }) => maxDiff))));
