import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PeerServer } from './server.ts';
import { failureOf, fakeCommand } from './testing/run-fake.ts';

const test = suite('peer server');
// A machine under load takes seconds to start Node.
const waitMs = 120_000;

async function status(url: string): Promise<number | null> {
  return fetch(`${url}/health`).then(
    ({ status }) => status,
    () => null,
  );
}

/** A zombie is not alive. */
function alive(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', `${pid}`], { encoding: 'utf8' });
  return /^[^Z\s]/.test(stdout.trim());
}

test('starts on a free port, waits while the model loads, and stops', async () => {
  const server = await PeerServer.start({ command: fakeCommand('loads-slowly'), waitMs });
  try {
    assert.is(await status(server.url), 200);
    if (process.platform === 'linux') assert.ok((await server.peakMemory())! > 2 ** 20);
  } finally {
    await server.stop();
  }
  assert.is(await status(server.url), null);
});

test('its children end with it, and one that ignores the first signal is killed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mtplx-peer-'));
  const file = join(folder, 'pid');
  try {
    const command = `sleep 299 & echo $! >'${file}'; ${fakeCommand('ignores-sigterm')}`;
    const server = await PeerServer.start({ command, waitMs });
    const child = Number(readFileSync(file, 'utf8'));
    assert.ok(alive(child));
    await server.stop();
    await sleep(100);
    assert.is(await status(server.url), null);
    assert.not.ok(alive(child));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('it ends when our own process exits in the middle', async () => {
  const module = JSON.stringify(new URL('server.ts', import.meta.url).href);
  const body = `
    const { PeerServer } = await import(${module});
    const server = await PeerServer.start({ command: ${JSON.stringify(fakeCommand())}, waitMs: ${waitMs} });
    console.log(server.url);
    process.exit(0);`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', body], { encoding: 'utf8' });
  assert.match(stdout, /^http/, stderr);
  await sleep(100);
  assert.is(await status(stdout.trim()), null);
});

test('a server that runs already is used and left running', async () => {
  const own = await PeerServer.start({ command: fakeCommand(), waitMs });
  try {
    const other = await PeerServer.at(own.url, waitMs);
    assert.is(await other.peakMemory(), null);
    await other.stop();
    assert.is(await status(own.url), 200);
  } finally {
    await own.stop();
  }
});

test('a command that ends at once is told with its exit code and last words', async () => {
  const { code, message } = await failureOf(PeerServer.start({ command: fakeCommand('dies'), waitMs }));
  assert.is(code, 'MTPLX_E_PEER');
  assert.match(message, /exit code 3 .*no such model/);
});

test('a command that does not exist is told', async () => {
  const { code, message } = await failureOf(PeerServer.start({ command: 'no-such-server --port 1', waitMs }));
  assert.is(code, 'MTPLX_E_PEER');
  assert.match(message, /exit code 127 .*not found/);
});

test('one that never gets ready is told, and ended', async () => {
  const start = PeerServer.start({ command: fakeCommand('never-ready'), waitMs: 6000 });
  const { code, message } = await failureOf(start);
  assert.is(code, 'MTPLX_E_PEER');
  assert.match(message, /answers 503 after 6 s/);
  const url = /http:[^:]+:\d+/.exec(message)![0];
  assert.is(await status(url), null);
});

test('an address where somebody answers already is refused, and so is a command without one', async () => {
  const server = await PeerServer.start({ command: fakeCommand(), waitMs });
  try {
    const again = await failureOf(PeerServer.start({ command: 'sleep 5', url: server.url, waitMs }));
    assert.match(again.message, 'another server answers there already');
  } finally {
    await server.stop();
  }
  assert.is((await failureOf(PeerServer.start({ command: 'sleep 5', waitMs }))).code, 'MTPLX_E_OPTION');
});

test('an abort while it loads ends it', async () => {
  const abort = new AbortController();
  const start = PeerServer.start({ command: fakeCommand('never-ready'), waitMs, signal: abort.signal });
  setTimeout(() => abort.abort(new Error('stopped by the test')), 600);
  assert.is((await failureOf(start)).message, 'stopped by the test');
});

test.run();
