import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { embeddedModel, loadModel, type Model } from '../../runtime/index.ts';
import { factsOf, gateContext } from './context.ts';
import { type CaseReport, type GateContext, reportOf, runCase } from './gate.ts';
import { gates } from './gates.ts';
import { scales } from './scale.ts';

const test = suite<{ model: Model; context: GateContext }>('gates');

test.before(async (context) => {
  context.model = await loadModel(embeddedModel);
  context.context = await gateContext(context.model);
});
test.after(({ model }) => model.dispose());

for (const gate of gates) {
  test(`${gate.name}: ${gate.claim}; its controls fail`, async ({ model, context }) => {
    const facts = factsOf(model);
    const reports: CaseReport[] = [];
    for (const gateCase of gate.cases(scales.least, facts)) reports.push(await runCase(gateCase, context));
    const report = reportOf(gate, facts, reports);
    assert.is(report.problem, null);
    assert.is(report.status, 'passed');
  });
}

const [gate] = gates;
const facts = { mtp: true, goldens: true, vocabSize: 4, maxPositions: null };
const finding = (control: boolean, passed: boolean): CaseReport => {
  return { key: control ? 'control' : 'case', control, passed, problem: 'x', figures: {}, seconds: 1 };
};

test('a gate fails with a failed case, with a control that passes, and without a case or a control', () => {
  const problem = (...cases: CaseReport[]) => reportOf(gate!, facts, cases).problem;
  assert.is(problem(finding(false, true), finding(true, false)), null);
  assert.match(problem(finding(false, false), finding(true, false))!, /^case: x/);
  assert.match(problem(finding(false, true), finding(true, true))!, /the control passed/);
  assert.match(problem(finding(true, false))!, /no case ran/);
  assert.match(problem(finding(false, true))!, /no control ran/);
});

test('a model without MTP head or goldens makes gates absent, not passed', () => {
  const bare = { ...facts, mtp: false, goldens: false };
  const absent = gates.filter((g) => reportOf(g, bare, []).status === 'absent').map(({ name }) => name);
  assert.equal(absent, ['identity', 'distribution', 'head', 'reference']);
});

test.run();
