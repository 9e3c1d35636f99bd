import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { acceptanceStudySchema } from '../../../harness/acceptance/document.ts';
import { readRecord } from '../../../harness/record.ts';
import { addonPath } from '../../../runtime/engine/addon.ts';
import { packageRoot } from '../../../runtime/package.ts';
import { skip } from '../../../scripts/testing/skip.ts';
import { acceptanceReport } from '../../terminal/acceptance-report.ts';

const test = suite<{ folder: string }>('mtplx bench acceptance');
const onEngine = existsSync(addonPath()) ? test : skip(test, 'the addon is not built: npm run build:native');

test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'mtplx-acceptance-'));
});
test.after.each(({ folder }) => rmSync(folder, { recursive: true }));

function run(cwd: string, ...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const command = [join(packageRoot, 'bin/mtplx.js'), 'bench', 'acceptance', '--suite', 'smoke-code-16', ...args];
  const env = { ...process.env, MTPLX_DEV: '1' };
  return spawnSync(process.execPath, command, { cwd, env, encoding: 'utf8', timeout: 180_000 });
}

onEngine('temperatures, rules and contexts have their cells, and the rows say the same', async ({ folder }) => {
  const contexts = ['--contexts', '4,8', '--context-suite', 'smoke-code-16'];
  const { status, stdout, stderr } = run(folder, '--depth', '2', '--temperatures', '0', ...contexts, '--json');
  assert.is(status, 0, stderr);
  const study = acceptanceStudySchema.parse(JSON.parse(stdout));
  // The suite's own temperature is there without being named.
  assert.equal(
    study.by_sampling.map(({ temperature, acceptance, generations }) => [temperature, acceptance, generations]),
    [
      [0, 'leviathan', 2],
      [0, 'coupled', 2],
      [0.6, 'leviathan', 2],
      [0.6, 'coupled', 2],
    ],
  );
  // Greedy drafts are accepted when they are the argmax, whatever the rule.
  assert.equal(study.by_sampling[0]!.accepted_length, study.by_sampling[1]!.accepted_length);
  assert.equal(study.coupled_over_leviathan[0], { temperature: 0, ratio: { value: 1, low: 1, high: 1 } });
  assert.equal(
    study.by_prompt.map(({ prompt }) => prompt),
    ['py-sum', 'ts-clamp'],
  );
  assert.equal(
    study.by_context.map(({ context, prompts, prompt_tokens }) => [context, prompts, prompt_tokens]),
    [
      [4, 2, 4],
      [8, 2, 8],
    ],
  );
  const { rows } = await readRecord(join(folder, study.arrow_file));
  const greedy = rows.filter(({ temperature, acceptance, step }) => {
    return temperature === 0 && acceptance === 'coupled' && step !== 0;
  });
  const [{ cycles, accepted, positions }] = study.by_sampling.slice(1) as [(typeof study.by_sampling)[number]];
  assert.is(greedy.length, cycles);
  assert.is(
    greedy.reduce((sum, row) => sum + Number(row['accepted']), 0),
    accepted,
  );
  assert.is(greedy.filter((row) => Number(row['accepted']) >= 2).length, positions[1]!.accepted);
  for (const part of [/^0 coupled +\d/m, /^8 \(2 prompts, 8 tokens\)/m, /^py-sum +\d/m, /T 0: 1.000/])
    assert.match(acceptanceReport(study), part);
});

const wrong: [name: string, args: string[]][] = [
  ['contexts longer than every prompt', ['--contexts', '2000', '--context-suite', 'smoke-code-16']],
  ['a temperature below 0', ['--temperatures', '0,-1']],
  ['temperatures that are no numbers', ['--temperatures', '0,,1']],
  ['half a token of context', ['--contexts', '128.5']],
  ['an unknown context suite', ['--context-suite', 'none']],
];
for (const [name, args] of wrong)
  onEngine(`${name} exits with 2 and leaves no run`, ({ folder }: { folder: string }) => {
    const { status, stdout } = run(folder, ...args, '--json');
    assert.is(status, 2, stdout);
    assert.match(stdout, 'MTPLX_E_');
    const runs = join(folder, 'mtplx-runs');
    assert.equal(existsSync(runs) ? readdirSync(runs) : [], []);
  });

test.run();
