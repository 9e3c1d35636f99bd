import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { MtplxError } from '../../runtime/errors.ts';
import { peakMemory } from './memory.ts';

export interface ServerOptions {
  /** Shell command. `{port}` in it becomes a free port. */
  command: string;
  /** Where it will answer; default: the port in the command, on this machine. */
  url?: string | undefined;
  /** Milliseconds until it must answer. */
  waitMs: number;
  signal?: AbortSignal | undefined;
}

const pollMs = 200;
const patienceMs = 5000;
const keptOutput = 2000;

/** A server that somebody else runs, or one of our own process group that ends with us. */
export class PeerServer {
  readonly url: string;
  readonly #child: ChildProcess | null;
  readonly #output: () => string;
  readonly #killOnExit = (): void => this.#kill('SIGKILL');

  private constructor(url: string, child: ChildProcess | null) {
    this.url = url;
    this.#child = child;
    let output = '';
    const keep = (bytes: Buffer): void => void (output = (output + bytes.toString()).slice(-keptOutput));
    child?.stdout?.on('data', keep);
    child?.stderr?.on('data', keep);
    // A command that cannot be started ends like one that failed; the shell says why.
    child?.on('error', (error) => keep(Buffer.from(error.message)));
    this.#output = () => output;
    if (child) process.once('exit', this.#killOnExit);
  }

  /** A server that runs already. @throws MtplxError MTPLX_E_PEER when it is not healthy within `waitMs` */
  static async at(url: string, waitMs: number, signal?: AbortSignal): Promise<PeerServer> {
    const server = new PeerServer(url, null);
    await server.#healthy(waitMs, signal);
    return server;
  }

  /** Starts the command and waits until it is healthy. @throws MtplxError MTPLX_E_PEER, MTPLX_E_OPTION */
  static async start({ command, url, waitMs, signal }: ServerOptions): Promise<PeerServer> {
    const port = /--port[ =](\d+)/.exec(command)?.[1] ?? (command.includes('{port}') ? await freePort() : null);
    if (url === undefined && port === null)
      throw new MtplxError('MTPLX_E_OPTION', {
        option: '--against',
        problem: 'nobody knows where it will answer: write {port} in the command, or give --url',
      });
    const address = url ?? `http://127.0.0.1:${port}`;
    if ((await answer(address)) !== null)
      throw new MtplxError('MTPLX_E_PEER', { server: address, problem: 'another server answers there already' });
    signal?.throwIfAborted();
    const child = spawn(command.replaceAll('{port}', String(port)), {
      shell: true,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const server = new PeerServer(address, child);
    try {
      await server.#healthy(waitMs, signal);
      return server;
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  /** Largest resident bytes of its processes together; null for a server that we did not start, or on systems that do not tell. */
  async peakMemory(): Promise<number | null> {
    return this.#child?.pid === undefined ? null : peakMemory(this.#child.pid);
  }

  /** Ends the whole process group: asked first, after five seconds by force. */
  async stop(): Promise<void> {
    if (this.#child === null) return;
    this.#kill('SIGTERM');
    for (let waited = 0; this.#alive() && waited < patienceMs; waited += pollMs) await sleep(pollMs);
    this.#kill('SIGKILL');
    process.off('exit', this.#killOnExit);
  }

  async #healthy(waitMs: number, signal: AbortSignal | undefined): Promise<void> {
    const end = performance.now() + waitMs;
    let status: number | null = null;
    while (performance.now() < end) {
      signal?.throwIfAborted();
      if (this.#child && !running(this.#child)) {
        const how = this.#child.signalCode ?? `exit code ${this.#child.exitCode}`;
        throw this.#failure(`it ended with ${how} before it answered${this.#said()}`);
      }
      status = await answer(this.url);
      if (status !== null && status >= 200 && status < 300) return;
      await sleep(pollMs, undefined, { signal }).catch(() => undefined);
    }
    signal?.throwIfAborted();
    const found = status === null ? 'does not answer' : `answers ${status}`;
    throw this.#failure(`it ${found} after ${(waitMs / 1000).toFixed(0)} s${this.#said()}`);
  }

  #failure(problem: string): MtplxError {
    return new MtplxError('MTPLX_E_PEER', { server: this.url, problem });
  }

  #said(): string {
    const lines = this.#output().trim().split('\n').slice(-5).join(' / ');
    return lines === '' ? '' : `; its last words: ${lines}`;
  }

  #alive(): boolean {
    return this.#signal(0);
  }

  #kill(signal: 'SIGTERM' | 'SIGKILL'): void {
    this.#signal(signal);
  }

  /** Sends to the process group; false when nobody is left in it. */
  #signal(signal: NodeJS.Signals | 0): boolean {
    if (this.#child?.pid === undefined) return false;
    try {
      process.kill(-this.#child.pid, signal);
      return true;
    } catch {
      return false;
    }
  }
}

function running(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}

/** Status of /health, or where that is unknown of /v1/models; null when nobody listens. */
async function answer(url: string): Promise<number | null> {
  const get = async (path: string): Promise<number> => {
    const response = await fetch(url.replace(/\/+$/, '') + path, { signal: AbortSignal.timeout(5000) });
    await response.body?.cancel();
    return response.status;
  };
  try {
    const status = await get('/health');
    return status === 404 ? await get('/v1/models') : status;
  } catch {
    return null;
  }
}

async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}
