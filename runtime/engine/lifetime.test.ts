import { spawnSync } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { addonPath } from './addon.ts';

// Each case runs in a process of its own: it may end that process, or crash it when the addon is wrong.
const test = suite('engine life time');

const preamble = `
  const { createRequire } = require('node:module');
  const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');
  const addon = createRequire(${JSON.stringify(pathToFileURL(addonPath()).href)})(${JSON.stringify(addonPath())});
  const keepBusy = () => { for (let i = 0; i < 2000; i++) addon.setThreads(1 + (i % 2)).catch(() => {}); };
`;

function run(body: string): { status: number | null; signal: string | null; stdout: string; stderr: string } {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, ['-e', preamble + body], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  return { status, signal, stdout, stderr };
}

function runs(name: string, body: string, expected: { status: number; stdout?: string }): void {
  test(name, () => {
    const result = run(body);
    assert.is(result.signal, null, `killed by ${result.signal}: ${result.stderr}`);
    assert.is(result.status, expected.status, result.stderr);
    if (expected.stdout !== undefined) {
      assert.is(result.stdout.trim(), expected.stdout);
    }
  });
}

runs('a process that only loads the addon ends by itself', `console.log(addon.buildInfo().backend);`, {
  status: 0,
  stdout: 'cpu',
});

runs('process.exit while calls are queued keeps its code', `keepBusy(); setTimeout(() => process.exit(7), 5);`, {
  status: 7,
});

runs(
  'an uncaught error while calls are queued ends with code 1',
  `keepBusy(); setTimeout(() => { throw new Error('on purpose'); }, 5);`,
  { status: 1 },
);

const workerCode = JSON.stringify(`
  ${preamble}
  (async () => {
    await addon.setThreads(1);
    if (workerData === 'hang') { keepBusy(); parentPort.postMessage('busy'); return; }
    await addon.cycle([]).catch((error) => parentPort.postMessage(error.code));
  })();
`);

runs(
  'workers come and go, are terminated while busy, and the main thread goes on',
  `(async () => {
    const code = ${workerCode};
    for (let i = 0; i < 3; i++) {
      const worker = new Worker(code, { eval: true, workerData: 'once' });
      const message = await new Promise((resolve, reject) => { worker.on('message', resolve); worker.on('error', reject); });
      if (message !== 'MTPLX_E_ENGINE_USAGE') throw new Error(message);
      await worker.terminate();
    }
    for (let i = 0; i < 3; i++) {
      const worker = new Worker(code, { eval: true, workerData: 'hang' });
      await new Promise((resolve) => worker.on('message', resolve));
      await worker.terminate();
    }
    await addon.setThreads(2);
    console.log('main goes on');
  })();`,
  { status: 0, stdout: 'main goes on' },
);

runs(
  'a handle of another environment, a disposed one and a made-up one are refused by code',
  `(async () => {
    const codes = [];
    for (const call of [() => addon.inspect(1), () => addon.disposeSequence(1).then(() => addon.rows(1, 'logits')), () => addon.commit('x', 0)]) {
      await call().catch((error) => codes.push(error.code));
    }
    console.log(codes.join(' '));
  })();`,
  { status: 0, stdout: 'MTPLX_E_DISPOSED MTPLX_E_DISPOSED MTPLX_E_ENGINE_USAGE' },
);

test.run();
