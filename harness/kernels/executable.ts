import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { z } from 'zod';
import { MtplxError } from '../../runtime/errors.ts';
import { packageRoot } from '../../runtime/package.ts';

/** Where `npm run build:bench` puts the benches of the kernels. */
export const benchExecutable = join(packageRoot, 'build/node/kernels/mtplx_benches');

/** First line of a bench: what ran. */
const buildLine = z.strictObject({ isa: z.string(), threads: z.int().min(1), mlx: z.string(), compiler: z.string() });

/** One shape and number of rows: medians over `turns` of arms that took turns, microseconds. */
const timingLine = z.strictObject({
  shape: z.string(),
  rows: z.int().min(1),
  /** Bytes that the kernel reads and writes. */
  bytes: z.number().min(0),
  turns: z.int().min(1),
  us: z.number().min(0),
  /** The same in stock MLX ops. */
  mlx_us: z.number().min(0),
  /** A plain read of as many bytes by the same threads. */
  read_us: z.number().min(0),
});

export type BenchBuild = z.infer<typeof buildLine>;
export type KernelTiming = z.infer<typeof timingLine>;

/** @throws MtplxError MTPLX_E_BENCH_MISSING */
function mustExist(): void {
  if (!existsSync(benchExecutable)) throw new MtplxError('MTPLX_E_BENCH_MISSING', { path: benchExecutable });
}

/** Names of the kernels that have a bench. @throws MtplxError MTPLX_E_BENCH_MISSING */
export async function benchedKernels(): Promise<string[]> {
  mustExist();
  const { stdout } = await promisify(execFile)(benchExecutable, ['list']);
  return stdout
    .split('\n')
    .filter((name) => name !== '')
    .toSorted();
}

/**
 * Runs the bench of one kernel in a process of its own.
 * @throws MtplxError MTPLX_E_BENCH_MISSING, MTPLX_E_BENCH_FAILED; the signal's reason after an abort
 */
export async function runKernelBench(
  kernel: string,
  threads: number,
  isa: string | null,
  signal?: AbortSignal,
): Promise<{ build: BenchBuild; timings: KernelTiming[] }> {
  mustExist();
  const child = spawn(benchExecutable, [kernel, `${threads}`, ...(isa === null ? [] : [isa])], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const stop = (): void => void child.kill('SIGKILL');
  signal?.addEventListener('abort', stop);
  try {
    const lines: unknown[] = [];
    let complaint = '';
    child.stderr.on('data', (bytes: Buffer) => (complaint += bytes.toString('utf8')));
    const ended = new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve(code));
    });
    for await (const line of createInterface({ input: child.stdout })) lines.push(JSON.parse(line));
    const code = await ended;
    signal?.throwIfAborted();
    if (code !== 0) throw new Error(complaint.trim() || `it ended with code ${code}`);
    const [first, ...rest] = lines;
    return { build: buildLine.parse(first), timings: z.array(timingLine).min(1).parse(rest) };
  } catch (cause) {
    signal?.throwIfAborted();
    throw new MtplxError('MTPLX_E_BENCH_FAILED', { kernel, problem: (cause as Error).message }, { cause });
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}
