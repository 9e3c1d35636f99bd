import { Worker } from 'node:worker_threads';

// memchr over zeros: one pass over the bytes at the speed of memory, without touching the engine's threads.
const reader = `
  const { workerData: { bytes, ms, gate }, parentPort } = require('node:worker_threads');
  const block = Buffer.alloc(bytes, 0);
  parentPort.postMessage('ready');
  Atomics.wait(new Int32Array(gate), 0, 0);
  const begin = performance.now();
  let passes = 0;
  do {
    if (block.includes(1)) throw new Error('the block has changed');
    passes += 1;
  } while (performance.now() - begin < ms);
  parentPort.postMessage((passes * bytes * 1000) / (performance.now() - begin));
`;
const passMs = 40;
const repeats = 10;

/**
 * Bytes a second that `threads` threads read together, each its own share of `bytes` over and over, so that a cache
 * that would hold weights of this size holds them here too. One rate for each of ten short passes.
 * @throws the signal's reason after an abort
 */
export async function readBandwidths(
  bytes: number,
  threads: number,
  signal: AbortSignal | undefined,
): Promise<number[]> {
  const rates: number[] = [];
  for (let i = 0; i < repeats; i++) {
    signal?.throwIfAborted();
    rates.push(await onePass(Math.ceil(bytes / threads), threads));
  }
  return rates;
}

async function onePass(bytes: number, threads: number): Promise<number> {
  const gate = new SharedArrayBuffer(4);
  const workers = Array.from({ length: threads }, () => {
    return new Worker(reader, { eval: true, workerData: { bytes, ms: passMs, gate } });
  });
  const message = async (worker: Worker): Promise<unknown> =>
    new Promise((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
  try {
    await Promise.all(workers.map(message));
    const rates = Promise.all(workers.map(message));
    Atomics.store(new Int32Array(gate), 0, 1);
    Atomics.notify(new Int32Array(gate), 0);
    return (await rates).reduce<number>((sum, rate) => sum + Number(rate), 0);
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}
