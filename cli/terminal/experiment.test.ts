import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runExperiment } from '../../harness/experiments/run.ts';
import { toy } from '../../harness/experiments/testing/toy.ts';
import type { ExperimentView } from '../views/view.ts';
import { type CommandSide, duration, presentRun } from './experiment.ts';

const test = suite<{ parent: string }>('following a run');

test.before.each((context) => {
  context.parent = mkdtempSync(join(tmpdir(), 'mtplx-follow-'));
});
test.after.each(({ parent }) => rmSync(parent, { recursive: true }));

interface Recorded extends CommandSide {
  out: string[];
  err: string[];
}

function side(): Recorded {
  const [out, err]: string[][] = [[], []];
  const { signal } = new AbortController();
  return {
    signal,
    out: out!,
    err: err!,
    log: (text) => out!.push(text),
    logToStderr: (text) => err!.push(text),
    terminal: { isTTY: false, write: () => true },
  };
}

type ToyExperiment = ReturnType<typeof toy>;

function viewOf(experiment: ToyExperiment, failure: string | null = null) {
  return {
    experiment,
    report: ({ sum }: { sum: number }) => `the sum is ${sum}`,
    failure: () => failure,
  } satisfies ExperimentView<
    { numbers: number[] },
    ToyExperiment['columns'],
    { sum: number; rows: number; commit: string | null }
  >;
}

test('the report is printed, the document returned, the figures drawn', async ({ parent }) => {
  const recorded = side();
  const view = viewOf(toy());
  const result = await presentRun(recorded, view, (options) =>
    runExperiment(view.experiment, { numbers: [3] }, { ...options, parent }),
  );
  assert.is(result.sum, 18);
  assert.equal([recorded.out, recorded.err], [['the sum is 18'], []]);
  const [run] = readdirSync(parent);
  assert.ok(existsSync(join(parent, run!, 'report/report.md')));
});

test('a failure of the result is told, with exit code 1', async ({ parent }) => {
  const recorded = side();
  const view = viewOf(toy(), 'a gate failed');
  const before = process.exitCode;
  try {
    await presentRun(recorded, view, (options) =>
      runExperiment(view.experiment, { numbers: [3] }, { ...options, parent }),
    );
    assert.is(process.exitCode, 1);
    assert.equal(recorded.err, ['Error: a gate failed.']);
  } finally {
    process.exitCode = before;
  }
});

test('a run that stops in the middle says how to go on; one that finished nothing says so', async ({ parent }) => {
  for (const [stop, text] of [
    ['1', /^Stopped after 1 of 2 parts\. To go on: mtplx runs resume \S+toy$/],
    ['0', /^Stopped before the first part was finished: nothing was kept\.$/],
  ] as const) {
    const recorded = side();
    const reason = new Error('on purpose');
    const view = viewOf(
      toy(({ key }) => {
        if (key === stop) throw reason;
      }),
    );
    const error = await presentRun(recorded, view, (options) =>
      runExperiment(view.experiment, { numbers: [3, 4] }, { ...options, parent }),
    ).catch((caught: unknown) => caught);
    assert.is(error, reason);
    assert.match(recorded.err[0]!, text);
  }
});

test('figures that cannot be made cost no result', async ({ parent }) => {
  const recorded = side();
  const view = viewOf(toy());
  const result = await presentRun(recorded, view, async (options) => {
    const run = await runExperiment(view.experiment, { numbers: [3] }, { ...options, parent });
    writeFileSync(join(run.folder, 'report'), 'in the way');
    return run;
  });
  assert.is(result.sum, 18);
  assert.match(recorded.err[0]!, /^The figures were not made \(mtplx report \S+ tries again\): /);
});

test('durations for a reader', () => {
  assert.equal([400, 45_000, 89_000, 91_000, 3_000_000, 7_500_000].map(duration), [
    '1 s',
    '45 s',
    '89 s',
    '2 min',
    '50 min',
    '2 h 05 min',
  ]);
});

test.run();
