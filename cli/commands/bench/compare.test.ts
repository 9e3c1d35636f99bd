import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { compareSchema } from '../../../harness/peers/document.ts';
import { fakeCommand } from '../../../harness/peers/testing/run-fake.ts';
import { addonPath } from '../../../runtime/engine/addon.ts';
import { packageRoot } from '../../../runtime/package.ts';
import { skip } from '../../../scripts/testing/skip.ts';

const test = suite<{ folder: string }>('mtplx bench compare');
const onEngine = existsSync(addonPath()) ? test : skip(test, 'the addon is not built: npm run build:native');
const bin = [join(packageRoot, 'bin/mtplx.js'), 'bench', 'compare', '--suite', 'smoke-code-16'];
const env = { ...process.env, MTPLX_DEV: '1' };

test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'mtplx-compare-'));
});
test.after.each(({ folder }) => rmSync(folder, { recursive: true }));

function run(cwd: string, ...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [...bin, '--runs', '1', ...args], {
    cwd,
    env,
    encoding: 'utf8',
    timeout: 180_000,
  });
}

/** Processes of a command line that holds these words. */
function processes(words: string): string[] {
  const { stdout } = spawnSync('ps', ['-eo', 'args'], { encoding: 'utf8' });
  return stdout.split('\n').filter((line) => line.includes(words) && line.includes('fake-server'));
}

onEngine('both sides continue the same prompts; the server is gone afterwards', ({ folder }) => {
  const mark = `--token-ms 3 --quirk chat-only`;
  const { status, stdout, stderr } = run(folder, '--against', `${fakeCommand()} ${mark}`, '--depths', 'ar,2', '--json');
  assert.is(status, 0, stderr);
  const { server, arms, suite: name } = compareSchema.parse(JSON.parse(stdout));
  assert.equal(
    arms.map(({ depth, generations, new_tokens }) => [depth, generations, ...new_tokens]),
    [
      [0, 2, 16, 16],
      [2, 2, 16, 16],
    ],
  );
  assert.equal([name, server.endpoint, server.counted, server.generations], ['smoke-code-16', 'chat', 'server', 2]);
  // A token every three milliseconds at most; the fake counts five tokens in every prompt.
  assert.ok(server.tok_s > 0 && server.tok_s < 1000 / 3);
  assert.is(server.other_prompts.length, 2);
  assert.equal(processes(mark), []);
});

onEngine('a server that does not count is counted by its text, and a reader gets a table', ({ folder }) => {
  const { status, stdout, stderr } = run(folder, '--against', fakeCommand('no-usage'));
  assert.is(status, 0, stderr);
  for (const part of [/^server +\d/m, /^mtp-d3 +\d/m, /by encoding its text again/, /the server's \d+ MiB/])
    assert.match(stdout, part);
});

onEngine('Ctrl-C ends the server too', async ({ folder }) => {
  const mark = '--token-ms 40';
  const child = spawn(process.execPath, [...bin, '--runs', '500', '--against', `${fakeCommand()} ${mark}`], {
    cwd: folder,
    env,
    timeout: 180_000,
  });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  // A run's folder has its spec once the server answers and the model is loaded.
  const started = setInterval(() => {
    const runs = join(folder, 'mtplx-runs');
    if (!existsSync(runs) || !readdirSync(runs).some((name) => existsSync(join(runs, name, 'spec.json')))) return;
    clearInterval(started);
    child.kill('SIGINT');
  }, 50);
  const status = await new Promise<number | null>((resolve) => child.on('close', resolve));
  clearInterval(started);
  assert.is(status, 130, stderr);
  assert.equal(processes(mark), []);
});

const wrong: [name: string, args: string[], status: number, code: string][] = [
  ['neither command nor url', [], 2, 'MTPLX_E_OPTION'],
  ['a command that does not say where it answers', ['--against', 'sleep 9'], 2, 'MTPLX_E_OPTION'],
  ['a command that fails', ['--against', fakeCommand('dies')], 1, 'MTPLX_E_PEER'],
  ['a server that refuses', ['--against', fakeCommand('refuses')], 1, 'MTPLX_E_PEER'],
  ['nobody at the url', ['--url', 'http://127.0.0.1:9', '--wait', '1'], 1, 'MTPLX_E_PEER'],
];
for (const [name, args, exit, code] of wrong)
  onEngine(`${name} is an error with a code, and leaves no run`, ({ folder }: { folder: string }) => {
    const { status, stdout } = run(folder, ...args, '--json');
    assert.is(status, exit);
    assert.is((JSON.parse(stdout) as { error: { code: string } }).error.code, code);
    const runs = join(folder, 'mtplx-runs');
    assert.equal(existsSync(runs) ? readdirSync(runs) : [], []);
  });

test.run();
