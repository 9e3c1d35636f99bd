import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { packageRoot } from '../runtime/package.ts';

// Commands run in a process of their own: exit codes, signals and both output streams are what is tested.
const test = suite('base command');
const folder = mkdtempSync(join(tmpdir(), 'mtplx-base-command-'));
const probe = join(folder, 'probe.ts');

test.before(() => {
  const url = (path: string): string => JSON.stringify(`file://${join(packageRoot, path)}`);
  writeFileSync(
    probe,
    `import { BaseCommand } from ${url('cli/base-command.ts')};
     import { MtplxError } from ${url('runtime/errors.ts')};
     import { setTimeout as sleep } from 'node:timers/promises';
     class Probe extends BaseCommand {
       static strict = false;
       async run() {
         const { argv: [what] } = await this.parse(Probe);
         if (what === 'table') throw new MtplxError('MTPLX_E_MODEL_NOT_FOUND', { folder: 'x', problem: 'it is empty' });
         if (what === 'bug') throw new TypeError('x is not a function');
         if (what === 'exit') this.exit(5);
         if (what === 'abortable') {
           process.stdout.write('ready');
           await sleep(60_000, undefined, { signal: this.signal });
         }
         if (what === 'graceful') {
           process.stdout.write('ready');
           await sleep(60_000, undefined, { signal: this.signal }).catch(() => {});
         }
         if (what === 'deaf') {
           process.stdout.write('ready');
           await sleep(60_000);
         }
         this.log('text');
         return { ok: true };
       }
     }
     const { execute, handle, flush } = await import(${url('node_modules/@oclif/core/lib/index.js')});
     await Probe.run(process.argv.slice(2), { root: ${JSON.stringify(packageRoot)} }).then(flush, handle);`,
  );
});
test.after(() => rmSync(folder, { recursive: true }));

function run(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, ['--no-warnings', probe, ...args], { encoding: 'utf8', timeout: 30_000 });
}

/** Sends the signals once the command says that it is ready. */
async function stopped(
  args: string[],
  ...signals: NodeJS.Signals[]
): Promise<{ status: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, ['--no-warnings', probe, ...args], { timeout: 30_000 });
  let [stdout, stderr] = ['', ''];
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
    if (stdout !== 'ready') return;
    const send = (): void => {
      const signal = signals.shift();
      if (signal === undefined) return;
      child.kill(signal);
      setTimeout(send, 300);
    };
    send();
  });
  const status = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { status, stdout, stderr };
}

test('a command that ends well', () => {
  assert.equal([run().status, run().stdout], [0, 'text\n']);
  assert.equal(JSON.parse(run('--json').stdout), { ok: true });
});

test('an error of the table: message, remedy and code on standard error, its exit code', () => {
  const { status, stdout, stderr } = run('table');
  assert.is(status, 2);
  assert.is(stdout, '');
  assert.match(stderr, 'No model in x: it is empty.');
  assert.match(stderr, 'Give the folder that holds config.json');
  assert.match(stderr, 'MTPLX_E_MODEL_NOT_FOUND');
  assert.not.match(stderr, '    at ');
});

test('an error as one JSON document', () => {
  const { status, stdout } = run('table', '--json');
  assert.is(status, 2);
  const { error } = JSON.parse(stdout) as { error: Record<string, unknown> };
  assert.equal(Object.keys(error), ['code', 'message', 'remedy', 'exit']);
  assert.is(error['code'], 'MTPLX_E_MODEL_NOT_FOUND');
  assert.is(error['exit'], 2);
});

test('wrong usage exits with 2 and has a code in JSON', () => {
  assert.is(run('--nonsense').status, 2);
  const { status, stdout } = run('--nonsense', '--json');
  assert.is(status, 2);
  const { error } = JSON.parse(stdout) as { error: Record<string, unknown> };
  assert.is(error['code'], 'MTPLX_E_OPTION');
  assert.match(String(error['message']), '--nonsense');
});

test('a bug exits with 1 and shows its stack only when asked', () => {
  const plain = run('bug');
  assert.is(plain.status, 1);
  assert.match(plain.stderr, 'MTPLX_E_INTERNAL');
  assert.not.match(plain.stderr, 'probe.ts');
  const debug = spawnSync(process.execPath, [probe, 'bug'], {
    encoding: 'utf8',
    env: { ...process.env, MTPLX_DEBUG: '1' },
  });
  assert.match(debug.stderr, 'probe.ts');
});

test('an exit code of the command itself stays', () => {
  assert.is(run('exit').status, 5);
});

test('Ctrl-C aborts the signal and exits with 130, without an error message', async () => {
  const { status, stderr } = await stopped(['abortable'], 'SIGINT');
  assert.is(status, 130);
  assert.is(stderr, '');
});

test('Ctrl-C with --json still gives one document', async () => {
  const { status, stdout } = await stopped(['abortable', '--json'], 'SIGINT');
  assert.is(status, 130);
  const { error } = JSON.parse(stdout.replace(/^ready/, '')) as { error: Record<string, unknown> };
  assert.is(error['code'], 'MTPLX_E_ABORTED');
  assert.is(error['exit'], 130);
});

test('a command that tidies up and returns after Ctrl-C exits with 130 too', async () => {
  const { status, stdout } = await stopped(['graceful'], 'SIGINT');
  assert.is(status, 130);
  assert.match(stdout, 'text');
});

test('a second Ctrl-C ends a command that does not listen', async () => {
  assert.is((await stopped(['deaf'], 'SIGINT', 'SIGINT')).status, 130);
});

test('SIGTERM exits with 143', async () => {
  assert.is((await stopped(['abortable'], 'SIGTERM')).status, 143);
});

test.run();
