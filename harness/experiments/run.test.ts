import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MtplxError } from '../../runtime/errors.ts';
import { numericsVersion } from '../../runtime/numerics.ts';
import { skip } from '../../scripts/testing/skip.ts';
import { readRecord } from '../record.ts';
import type { RunProgress } from './estimate.ts';
import { findRun, listRuns } from './folder.ts';
import { runEntry } from './listing.ts';
import { resumeExperiment, runExperiment } from './run.ts';
import { toy } from './testing/toy.ts';

const test = suite<{ parent: string }>('experiments');
const spec = { numbers: [1, 2, 3, 4] };

test.before.each((context) => {
  context.parent = mkdtempSync(join(tmpdir(), 'mtplx-experiments-'));
});
test.after.each(({ parent }) => rmSync(parent, { recursive: true }));

async function errorOf(action: Promise<unknown>): Promise<unknown> {
  return action.then(
    () => undefined,
    (error: unknown) => error,
  );
}

async function codeOf(action: Promise<unknown>): Promise<string> {
  const error = await errorOf(action);
  assert.instance(error, MtplxError);
  return (error as MtplxError).code;
}

/** Runs until unit `at`, which throws. */
async function stopped(parent: string, at: number, reason: unknown = new Error('on purpose')): Promise<string> {
  const failing = toy((unit) => {
    if (unit.key === String(at)) throw reason;
  });
  assert.is(await errorOf(runExperiment(failing, spec, { parent })), reason);
  const [name] = readdirSync(parent);
  return name!;
}

test('a run leaves spec, rows and result in a folder of its own', async ({ parent }) => {
  const { folder, result, rows } = await runExperiment(toy(), spec, { parent, label: 'squares' });
  assert.match(folder, /\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-toy-squares$/);
  assert.equal(readdirSync(folder).toSorted(), ['journal.jsonl', 'result.json', 'rows.arrow', 'spec.json']);
  assert.is(result.sum, 60);
  assert.is(rows.length, 8);
  assert.equal(JSON.parse(readFileSync(join(folder, 'result.json'), 'utf8')), result);
  const run = await findRun(folder);
  assert.is(run.state, 'complete');
  assert.equal(run.description.spec, spec);
  assert.is(run.description.numerics_version, numericsVersion);
  const record = await readRecord(join(folder, 'rows.arrow'));
  assert.equal(
    record.rows,
    rows.map(({ unit, ...row }) => ({ unit, ...row })),
  );
  assert.equal(JSON.parse(record.metadata['description']!), run.description);
  assert.equal(JSON.parse(record.metadata['result']!), result);
  assert.equal(Object.keys(JSON.parse(record.metadata['unit_ms']!) as object), ['0', '1', '2', '3']);
});

test('two runs of one second do not share a folder', async ({ parent }) => {
  const runs = await Promise.all([1, 2, 3].map(() => runExperiment(toy(), spec, { parent })));
  assert.is(new Set(runs.map(({ folder }) => folder)).size, 3);
});

test('progress names what comes next and the time left once it is known', async ({ parent }) => {
  const seen: RunProgress[] = [];
  await runExperiment(toy(), spec, { parent, onProgress: (progress) => seen.push(progress) });
  assert.equal(
    seen.map(({ done, total, text }) => [done, total, text]),
    [1, 2, 3, 4].map((n, i) => [i, 4, `the square of ${n}`]),
  );
  assert.is(seen[0]!.leftMs, null);
  assert.ok(seen.slice(1).every(({ leftMs }) => leftMs !== null && leftMs >= 0));
});

test('a stopped run goes on where it was, and says the same as one that was not', async ({ parent }) => {
  const name = await stopped(parent, 2);
  assert.is((await findRun(name, parent)).state, 'stopped');
  const again: string[] = [];
  const resumed = await resumeExperiment(
    toy(({ key }) => void again.push(key)),
    await findRun(name, parent),
  );
  assert.equal(again, ['2', '3']);
  const whole = await runExperiment(toy(), spec, { parent });
  assert.equal(resumed.result, whole.result);
  assert.equal(resumed.rows, whole.rows);
  const { metadata } = await readRecord(join(resumed.folder, 'rows.arrow'));
  assert.is((JSON.parse(metadata['sessions']!) as unknown[]).length, 2);
});

test('an abort ends with its reason and keeps what was finished', async ({ parent }) => {
  const controller = new AbortController();
  const reason = new MtplxError('MTPLX_E_ABORTED', { reason: 'SIGINT' });
  const seen: RunProgress[] = [];
  const running = runExperiment(
    toy(({ key }) => void (key === '1' && controller.abort(reason))),
    spec,
    { parent, signal: controller.signal, onProgress: (progress) => seen.push(progress) },
  );
  assert.is(await errorOf(running), reason);
  const [name] = readdirSync(parent);
  // What a stopped command says: the unit that the abort met is kept, and counted.
  const lines = readFileSync(join(parent, name!, 'journal.jsonl'), 'utf8').split('\n').length - 1;
  assert.is(seen.at(-1)!.done, lines - 1);
  const { rows } = await resumeExperiment(toy(), await findRun(name!, parent));
  assert.is(rows.length, 8);
});

test('a run that finished nothing leaves nothing', async ({ parent }) => {
  const reason = new Error('at once');
  assert.is(
    await errorOf(
      runExperiment(
        toy(() => {
          throw reason;
        }),
        spec,
        { parent },
      ),
    ),
    reason,
  );
  assert.equal(readdirSync(parent), []);
});

test('a torn last line of the journal is dropped, and its unit is run again', async ({ parent }) => {
  const name = await stopped(parent, 3);
  const journal = join(parent, name, 'journal.jsonl');
  const text = readFileSync(journal, 'utf8');
  for (const cut of [1, 20, text.length - text.trimEnd().lastIndexOf('\n') - 2]) {
    writeFileSync(journal, text.slice(0, -cut));
    const again: string[] = [];
    const failing = toy(({ key }) => {
      again.push(key);
      if (key === '3') throw new Error('again');
    });
    await errorOf(resumeExperiment(failing, await findRun(name, parent)));
    assert.equal(again, ['2', '3'], `cut ${cut}`);
  }
  assert.is((await resumeExperiment(toy(), await findRun(name, parent))).result.sum, 60);
});

test('a complete run is read, not run', async ({ parent }) => {
  const { folder, result, rows } = await runExperiment(toy(), spec, { parent });
  const again = await resumeExperiment(
    toy(() => {
      throw new Error('it ran');
    }),
    await findRun(folder),
  );
  assert.equal([again.result, again.rows], [result, rows]);
});

test('a journal that is broken in the middle, or is of another spec, is refused', async ({ parent }) => {
  const name = await stopped(parent, 2);
  const journal = join(parent, name, 'journal.jsonl');
  const text = readFileSync(journal, 'utf8');
  const lines = text.split('\n');
  for (const [bad, problem] of [
    [text.replace('"unit":"0"', '"unit":"0'), 'line 2'],
    [text.replace('"square":1', '"square":"1"'), 'square'],
    [text.replace('"unit":"1"', '"unit":"9"'), 'unit 9'],
    [`${text}${lines[1]}\n`, 'twice'],
  ] as const) {
    assert.not.equal(bad, text);
    writeFileSync(journal, bad);
    const error = await errorOf(resumeExperiment(toy(), await findRun(name, parent)));
    assert.instance(error, MtplxError);
    assert.is((error as MtplxError).code, 'MTPLX_E_RUN_BROKEN');
    assert.match((error as MtplxError).message, problem);
    assert.is(readFileSync(journal, 'utf8'), bad, 'the journal stays as it was');
  }
});

test('a run is not continued with other sources, another machine or another spec version', async ({ parent }) => {
  const name = await stopped(parent, 2);
  const file = join(parent, name, 'spec.json');
  const text = readFileSync(file, 'utf8');
  assert.is(await codeOf(resumeExperiment(toy(undefined, 2), await findRun(name, parent))), 'MTPLX_E_RUN_MISMATCH');
  for (const change of [
    { commit: 'f'.repeat(40) },
    { numerics_version: 99 },
    { mtplx: '9.9.9' },
    { experiment: 'x' },
  ]) {
    writeFileSync(file, JSON.stringify({ ...(JSON.parse(text) as object), ...change }));
    assert.is(await codeOf(resumeExperiment(toy(), await findRun(name, parent))), 'MTPLX_E_RUN_MISMATCH');
  }
  writeFileSync(file, JSON.stringify({ ...(JSON.parse(text) as object), spec: { numbers: 'x' } }));
  assert.is(await codeOf(resumeExperiment(toy(), await findRun(name, parent))), 'MTPLX_E_RUN_BROKEN');
});

test('two processes do not work on one run; a dead one does not keep it', async ({ parent }) => {
  const name = await stopped(parent, 2);
  const lock = join(parent, name, 'lock');
  writeFileSync(lock, `${process.ppid}\n`);
  assert.is((await findRun(name, parent)).state, 'running');
  assert.is(await codeOf(resumeExperiment(toy(), await findRun(name, parent))), 'MTPLX_E_RUN_BUSY');
  // Above the largest process id of Linux.
  writeFileSync(lock, '4194305\n');
  assert.is((await resumeExperiment(toy(), await findRun(name, parent))).result.sum, 60);
  assert.not.ok(existsSync(lock));
});

test('rows that the columns do not allow fail the run', async ({ parent }) => {
  await errorOf(runExperiment(toy(), { numbers: [1, Infinity] }, { parent })).then((error) => {
    assert.ok(error instanceof Error);
  });
  const running = runExperiment(toy(), { numbers: [1, 0.5] }, { parent });
  assert.match(String(await errorOf(running)), 'int');
});

test('a folder that cannot be written is told at once', async ({ parent }) => {
  const file = join(parent, 'file');
  writeFileSync(file, '');
  assert.is(await codeOf(runExperiment(toy(), spec, { parent: file })), 'MTPLX_E_UNWRITABLE');
});

const withFullDevice = existsSync('/dev/full') ? test : skip(test, 'there is no /dev/full');
withFullDevice('a full disk is named, and the run can go on', async ({ parent }: { parent: string }) => {
  const name = await stopped(parent, 2);
  const partial = join(parent, name, `rows.arrow.${process.pid}.partial`);
  symlinkSync('/dev/full', partial);
  assert.is(await codeOf(resumeExperiment(toy(), await findRun(name, parent))), 'MTPLX_E_DISK_FULL');
  assert.equal(readdirSync(join(parent, name)).toSorted(), ['journal.jsonl', 'spec.json']);
  assert.is((await resumeExperiment(toy(), await findRun(name, parent))).result.sum, 60);
});

/** Until `until`, the disk has room for `room` more bytes of a journal. */
async function onFullDisk(folder: string, room: number, until: () => Promise<void>): Promise<void> {
  const probe = await open(folder, 'r');
  const prototype = Object.getPrototypeOf(probe) as FileHandle;
  await probe.close();
  const appendFile = Reflect.get(prototype, 'appendFile');
  let left = room;
  prototype.appendFile = async function appendWhatFits(this: FileHandle, data) {
    const bytes = Buffer.from(data as string);
    await appendFile.call(this, bytes.subarray(0, left));
    left -= bytes.length;
    if (left < 0) throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  };
  try {
    await until();
  } finally {
    prototype.appendFile = appendFile;
  }
}

test('a disk that fills up within a line of the journal: named, what was written is kept, and the run goes on', async ({
  parent,
}) => {
  const name = await stopped(parent, 3);
  const lines = readFileSync(join(parent, name, 'journal.jsonl'), 'utf8')
    .split('\n')
    .slice(0, -1);
  rmSync(join(parent, name), { recursive: true });
  // Times differ in length from run to run; a session and two units fit, the third unit does not.
  const room = lines.slice(0, 3).join('\n').length + lines[3]!.length / 2;
  await onFullDisk(parent, Math.floor(room), async () => {
    const error = (await errorOf(runExperiment(toy(), spec, { parent }))) as MtplxError;
    assert.is(error.code, 'MTPLX_E_DISK_FULL');
    assert.match(error.message, /^No space left while writing .*journal\.jsonl\.$/);
    assert.is(error.exit, 1);
  });
  const run = await findRun(readdirSync(parent)[0]!, parent);
  assert.is(run.state, 'stopped');
  assert.not.match(readFileSync(join(run.folder, 'journal.jsonl'), 'utf8'), /\n$/);
  assert.is((await runEntry(run, toy())).headline, '2 of 4 parts');
  const again: string[] = [];
  const { result, rows } = await resumeExperiment(
    toy(({ key }) => void again.push(key)),
    run,
  );
  assert.equal([again, result.sum, rows.length], [['2', '3'], 60, 8]);
});

test('a disk that is full from the start: named, and nothing is left', async ({ parent }) => {
  await onFullDisk(parent, 0, async () => {
    assert.is(await codeOf(runExperiment(toy(), spec, { parent })), 'MTPLX_E_DISK_FULL');
  });
  assert.equal(readdirSync(parent), []);
});

test('runs are listed in order; what is no run is passed over, what is broken is told', async ({ parent }) => {
  assert.equal(await listRuns(join(parent, 'none')), { runs: [], broken: [] });
  const first = await stopped(parent, 2);
  await runExperiment(toy(), spec, { parent, label: 'z' });
  writeFileSync(join(parent, 'old.arrow'), '');
  const { runs, broken } = await listRuns(parent);
  assert.is(runs[0]!.name, first);
  assert.equal(
    runs.map(({ state }) => state),
    ['stopped', 'complete'],
  );
  assert.equal(broken, []);
  appendFileSync(join(parent, first, 'spec.json'), '}');
  assert.equal(
    (await listRuns(parent)).broken.map(({ code }) => code),
    ['MTPLX_E_RUN_BROKEN'],
  );
  assert.is(await codeOf(findRun('none', parent)), 'MTPLX_E_RUN_NOT_FOUND');
});

test.run();
