// Prepares another program that serves the model, from package registries alone, and prints how to compare with it:
// node harness/peers/prepare.ts llama-cpp|mlx-lm --out <dir> [--model <folder>] [--jobs N]
// What is there already is not made again. Needs Python 3; llama-cpp also CMake, Ninja or make, and a C++ compiler.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { embeddedModel } from '../../runtime/index.ts';
import { packageRoot } from '../../runtime/package.ts';

const here = join(packageRoot, 'harness/peers');
const sdist = 'llama_cpp_python-0.3.36.tar.gz';

const usage = 'Usage: node harness/peers/prepare.ts llama-cpp|mlx-lm --out <dir> [--model <folder>] [--jobs N]';

interface Job {
  out: string;
  model: string;
  jobs: string;
}

const peers: Record<string, (job: Job) => string[]> = { 'llama-cpp': prepareLlamaCpp, 'mlx-lm': prepareMlxLm };

/** llama-server, built from the source that the Python package carries, and the model as Q4_0. */
function prepareLlamaCpp({ out, model, jobs }: Job): string[] {
  const source = join(out, 'source/vendor/llama.cpp');
  const build = join(out, 'build');
  const server = join(build, 'bin/llama-server');
  const python = virtualEnvironment(out, 'llama-cpp-requirements.txt');
  const gguf = join(out, 'model-q4_0.gguf');
  if (!existsSync(source)) unpackSource(out, python);
  if (!existsSync(server)) buildServer(source, build, jobs);
  if (!existsSync(gguf)) {
    const [plain, f32] = [join(out, 'dequantised'), join(out, 'model-f32.gguf')];
    run(python, [join(here, 'dequantise.py'), model, plain]);
    run(python, [join(here, 'gguf.py'), source, plain, f32]);
    // The name of the result appears when it is whole.
    run(join(build, 'bin/llama-quantize'), [f32, `${gguf}.partial`, 'q4_0', '1']);
    renameSync(`${gguf}.partial`, gguf);
  }
  const base = `${server} -m ${gguf} -c 4096 -np 1 --cache-ram 0 --ctx-checkpoints 0 --port {port}`;
  return [base, `${base} --spec-type draft-mtp --spec-draft-n-max 3`];
}

function unpackSource(out: string, python: string): void {
  const downloads = join(out, 'download');
  const requirement = join(here, 'llama-cpp-source.txt');
  run(python, ['-m', 'pip', 'download', '--no-deps', '--no-binary', ':all:', '-r', requirement, '-d', downloads]);
  const [source, partial] = [join(out, 'source'), join(out, 'source.partial')];
  mkdirSync(partial, { recursive: true });
  run('tar', ['xzf', join(downloads, sdist), '-C', partial, '--strip-components', '1']);
  renameSync(partial, source);
}

function buildServer(source: string, build: string, jobs: string): void {
  const flags = compilerFlags();
  const settings = {
    CMAKE_BUILD_TYPE: 'Release',
    BUILD_SHARED_LIBS: 'OFF',
    GGML_NATIVE: 'ON',
    GGML_OPENMP: 'OFF',
    LLAMA_OPENSSL: 'OFF',
    LLAMA_BUILD_TESTS: 'OFF',
    LLAMA_BUILD_EXAMPLES: 'OFF',
    LLAMA_BUILD_TOOLS: 'ON',
    LLAMA_BUILD_SERVER: 'ON',
    LLAMA_BUILD_UI: 'OFF',
    CMAKE_C_FLAGS: flags,
    CMAKE_CXX_FLAGS: flags,
  };
  const definitions = Object.entries(settings).map(([name, value]) => `-D${name}=${value}`);
  run('cmake', ['-S', source, '-B', build, ...definitions]);
  run('cmake', ['--build', build, '--parallel', jobs, '--target', 'llama-server', 'llama-quantize']);
}

/** g++ before 13 makes code for AMX tiles that dies of an illegal instruction. */
function compilerFlags(): string {
  const { stdout } = spawnSync('c++', ['-dumpfullversion', '-dumpversion'], { encoding: 'utf8' });
  const clang = spawnSync('c++', ['--version'], { encoding: 'utf8' }).stdout.includes('clang');
  const old = !clang && Number.parseInt(stdout, 10) < 13;
  return process.arch === 'x64' && old ? '-mno-amx-tile -mno-amx-int8 -mno-amx-bf16' : '';
}

/** mlx_lm.server, which reads the model's own folder. */
function prepareMlxLm({ out, model }: Job): string[] {
  const python = virtualEnvironment(out, 'mlx-lm-requirements.txt');
  return [`${python} -m mlx_lm server --model ${model} --host 127.0.0.1 --port {port}`];
}

/** Python with the requirements, installed when they are not there or others than these. */
function virtualEnvironment(out: string, requirements: string): string {
  const python = join(out, 'venv/bin/python');
  const stamp = join(out, 'venv', requirements);
  const wanted = readFileSync(join(here, requirements), 'utf8');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return python;
  run('python3', ['-m', 'venv', join(out, 'venv')]);
  run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', join(here, requirements)]);
  writeFileSync(stamp, wanted);
  return python;
}

function run(command: string, args: string[]): void {
  console.error(`> ${command} ${args.join(' ')}`);
  const { status, error } = spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  if (error) fail(`Cannot run ${command}: ${error.message}.`);
  if (status !== 0) fail(`${command} ended with ${status}. Mend what it says above and run this again.`);
}

function fail(problem: string): never {
  console.error(problem);
  process.exit(1);
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    out: { type: 'string' },
    model: { type: 'string', default: embeddedModel },
    jobs: { type: 'string', default: String(availableParallelism()) },
  },
});
const prepare = peers[positionals[0] ?? ''];
if (prepare === undefined || values.out === undefined) fail(usage);
mkdirSync(values.out, { recursive: true });
const commands = prepare({ out: resolve(values.out), model: resolve(values.model), jobs: values.jobs });
console.log('Ready. To compare:');
for (const command of commands) console.log(`mtplx bench compare --suite cold-long-code-192 --against '${command}'`);
