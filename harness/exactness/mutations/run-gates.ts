// Runs the named gates (or all) on the embedded model and prints their reports as JSON: the child process of the
// mutation tests, which set MTPLX_ADDON_NAME and MTPLX_FAULT.
import { embeddedModel, loadModel } from '../../../runtime/index.ts';
import { bitGates } from '../gates.ts';
import { gateText } from '../text.ts';

const names = process.argv.slice(2);
const model = await loadModel(embeddedModel);
const tokens = await gateText((text) => model.encode(text));
const reports = [];
for (const gate of bitGates.filter(({ name }) => names.length === 0 || names.includes(name))) {
  reports.push(await gate.run({ model: model.engine, tokens, failFast: true }));
}
await model.dispose();
console.log(JSON.stringify(reports));
