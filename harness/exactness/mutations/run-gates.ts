// Runs the cases of the named gates (or of all) on the embedded model until one fails and prints their reports as JSON:
// the child process of the mutation suite, which sets MTPLX_ADDON_NAME and MTPLX_FAULT.
import { embeddedModel, loadModel } from '../../../runtime/index.ts';
import { factsOf, gateContext } from '../context.ts';
import { type CaseReport, runCase } from '../gate.ts';
import { gates } from '../gates.ts';
import { scales } from '../scale.ts';

const names = process.argv.slice(2);
const model = await loadModel(embeddedModel);
const context = { ...(await gateContext(model)), failFast: true };
const reports: CaseReport[] = [];
for (const gate of gates.filter(({ name }) => names.length === 0 || names.includes(name))) {
  for (const gateCase of gate.cases(scales.least, factsOf(model)).filter(({ control }) => !control)) {
    const report = await runCase(gateCase, context);
    reports.push(report);
    if (!report.passed) break;
  }
}
await model.dispose();
console.log(JSON.stringify(reports));
