// `npm run test:mutations`: every known bug switched on, one at a time, on the embedded model; prints which gate caught
// it and ends with `N passed, N failed`. Needs the faulty build (npm run build:faulty).
import { existsSync } from 'node:fs';
import { addonPath } from '../../../runtime/engine/addon.ts';
import { embeddedModel, loadModel } from '../../../runtime/index.ts';
import { factsOf, gateContext } from '../context.ts';
import { faults } from './faults.ts';
import { faultyAddon, mutationSuite, onFaultyBuild } from './suite.ts';

if (!existsSync(addonPath(faultyAddon))) {
  console.error(`No ${addonPath(faultyAddon)}: run npm run build:faulty first.`);
  process.exit(1);
}
const words = process.argv.slice(2);
const model = await loadModel(embeddedModel);
const cases = mutationSuite(model, await gateContext(model), factsOf(model)).filter(
  ({ bug, gate }) => words.length === 0 || words.some((word) => bug.includes(word) || gate === word),
);
let [caught, missed] = [0, 0];
const line = (bug: string, where: string, gate: string, found: string) =>
  console.log(`${bug.padEnd(72)} ${where.padEnd(13)} ${gate.padEnd(17)} ${found}`);

line('bug', 'switched on in', 'gate', 'caught by');
for (const { bug, where, gate, run } of cases) {
  const problem = await run();
  if (problem === null) missed++;
  else caught++;
  line(bug, where, gate, problem === null ? 'MISSED' : problem.slice(0, 100));
}
if (words.length === 0) {
  const names = [...new Set(faults.map(({ gate }) => gate))];
  const problem = await onFaultyBuild('', names);
  if (problem === null) caught++;
  else missed++;
  line(
    'none: the faulty build with every fault off must pass',
    'engine build',
    names.length + ' gates',
    problem ?? 'passes',
  );
}
await model.dispose();
console.log(`\n${caught} passed, ${missed} failed`);
process.exitCode = missed > 0 ? 1 : 0;
