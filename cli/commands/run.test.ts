import { spawn, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { packageRoot } from '../../runtime/package.ts';
import { skip } from '../../scripts/testing/skip.ts';

// The real binary in a process of its own: streams, exit codes and signals are what is tested.
const test = suite('mtplx run');
const bin = join(packageRoot, 'bin/mtplx.js');
const prompt = 'def quicksort(';

interface Outcome {
  status: number | null;
  stdout: string;
  stderr: string;
}

function mtplx(args: string[], options: { input?: string; env?: Record<string, string> } = {}): Outcome {
  // No profile of the machine's user.
  const env = { ...process.env, MTPLX_DEV: '1', MTPLX_HOME: '/nowhere', ...options.env };
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...args], {
    encoding: 'utf8',
    timeout: 120_000,
    env,
    input: options.input ?? '',
  });
  return { status, stdout, stderr };
}

const raw = (...args: string[]): Outcome => mtplx(['run', '--raw', '--max-tokens', '24', ...args, prompt]);

test('text goes to standard output, all else to standard error', () => {
  const { status, stdout, stderr } = raw('--seed', '1', '--stats');
  assert.is(status, 0, stderr);
  assert.ok(stdout.length > 10);
  assert.match(stderr, /^Model: the embedded one/);
  assert.match(stderr, /tok\/s decoding/);
  assert.match(stderr, /depth auto, acceptance coupled\nDepth auto \(the model's contract\), cycles: \d+ at \d/);
  assert.not.match(stdout, /tok\/s|Model:/);
});

test('the same seed gives the same text, with drafts and without', () => {
  const [first, again, plain, other] = [
    raw('--seed', '7'),
    raw('--seed', '7', '--depth', '5'),
    raw('--seed', '7', '--no-mtp'),
    raw('--seed', '8'),
  ];
  assert.is(first!.status, 0);
  assert.is(again!.stdout, first!.stdout);
  assert.is(plain!.stdout, first!.stdout);
  assert.is.not(other!.stdout, first!.stdout);
});

test('--json tells where auto began, what it used and why it changed; a fixed depth has none of it', () => {
  interface Depths {
    depth: number | string;
    depth_start?: string;
    depth_changes?: { cycle: number; from: number; to: number; reason: string; expected_tok_s: number[] }[];
    cycles_at_depth: number[];
    counts: { cycles: number };
  }
  // Without a contract, which would say where to begin.
  const folder = mkdtempSync(join(tmpdir(), 'mtplx-bare-'));
  cpSync(join(packageRoot, 'fixtures/model'), folder, {
    recursive: true,
    filter: (file) => !file.endsWith('mtplx_runtime.json'),
  });
  const { stdout } = raw('--json', '--seed', '3', '--depth', 'auto', '--model', folder);
  rmSync(folder, { recursive: true });
  const automatic = JSON.parse(stdout) as Depths;
  assert.equal([automatic.depth, automatic.depth_start], ['auto', 'default']);
  assert.is(
    automatic.cycles_at_depth.reduce((a, b) => a + b),
    automatic.counts.cycles,
  );
  // It begins untuned at depth 3, and has to measure plain decoding before long.
  const [first] = automatic.depth_changes!;
  assert.is(first!.from, 3);
  for (const { reason, expected_tok_s } of automatic.depth_changes!) {
    assert.ok(['faster', 'probe', 'return'].includes(reason));
    assert.ok(expected_tok_s.every((rate) => rate > 0));
  }
  const fixed = JSON.parse(raw('--json', '--seed', '3', '--depth', '1').stdout) as Depths;
  assert.is(fixed.depth, 1);
  assert.is(fixed.depth_changes, undefined);
});

test('a broken profile is a warning, and the text comes', () => {
  const home = mkdtempSync(join(tmpdir(), 'mtplx-home-'));
  try {
    writeFileSync(join(home, 'profile.json'), '{');
    const args = ['run', '--raw', '--max-tokens', '24', '--seed', '1', prompt];
    const { status, stdout, stderr } = mtplx(args, { env: { MTPLX_HOME: home } });
    assert.is(status, 0, stderr);
    assert.match(stderr, /Warning: The profile \S+profile\.json cannot be read/);
    assert.is(stdout, raw('--seed', '1').stdout);
  } finally {
    rmSync(home, { recursive: true });
  }
});

test('--json prints one document whose counts add up', () => {
  const { status, stdout, stderr } = raw('--json', '--seed', '3', '--temperature', '0.9', '--top-k', '7');
  assert.is(status, 0, stderr);
  const result = JSON.parse(stdout) as {
    text: string;
    tokens: number[];
    finish: string;
    seed: string;
    acceptance: string;
    sampler: object;
    counts: Record<'first' | 'accepted' | 'corrections' | 'bonuses' | 'truncated' | 'emitted', number>;
  };
  const { counts } = result;
  assert.is(counts.emitted, counts.first + counts.accepted + counts.corrections + counts.bonuses - counts.truncated);
  assert.is(result.tokens.length, counts.emitted);
  assert.is(result.seed, '3');
  assert.is(result.acceptance, 'coupled');
  assert.equal(result.sampler, { temperature: 0.9, top_p: 0.95, top_k: 7 });
  assert.is(stderr, '');
});

test('standard input is the prompt when none is given', () => {
  const piped = mtplx(['run', '--raw', '--max-tokens', '24', '--seed', '1'], { input: prompt });
  assert.is(piped.status, 0, piped.stderr);
  assert.is(piped.stdout, raw('--seed', '1').stdout);
});

test('a stop string ends the text before it', () => {
  const { stdout } = raw('--seed', '1');
  const stop = stdout.trim().at(-1)!;
  assert.is(raw('--seed', '1', '--stop', stop).stdout, stdout.slice(0, stdout.indexOf(stop)));
});

const compiled = existsSync(join(packageRoot, 'dist/cli/commands')) ? test : skip(test, 'npm run build:ts first');
compiled('the compiled command gives the same text, and no compiled file asks for a source', () => {
  const { status, stdout, stderr } = mtplx(['run', '--raw', '--max-tokens', '24', '--seed', '1', prompt], {
    env: { MTPLX_DEV: '' },
  });
  assert.is(status, 0, stderr);
  assert.is(stdout, raw('--seed', '1').stdout);
  const files = readdirSync(join(packageRoot, 'dist'), { recursive: true, encoding: 'utf8' });
  const asking = files
    .filter((file) => file.endsWith('.js'))
    .filter((file) =>
      /(?:from|import\()\s*['"]\.[^'"]*\.ts['"]/.test(readFileSync(join(packageRoot, 'dist', file), 'utf8')),
    );
  assert.equal(asking, []);
});

const mistakes: [args: string[], status: number, words: RegExp][] = [
  [['--depth', '9', 'x'], 2, /--depth/],
  [['--depth', '2', '--no-mtp', 'x'], 2, /no-mtp/],
  [['--depth', 'deep', 'x'], 2, /auto or a whole number from 0 to 8/],
  [['--depth', 'auto', '--seed', '1', '--acceptance', 'leviathan', 'x'], 2, /needs coupled acceptance/],
  [['--top-p', '0', 'x'], 2, /above 0 to 1/],
  [['--temperature', '-1', 'x'], 2, /from 0 to 100/],
  [['--seed', 'abc', 'x'], 2, /2\^64/],
  [['--acceptance', 'maybe', 'x'], 2, /leviathan, coupled/],
  [['--backend', 'cuda', 'x'], 4, /Backend cuda is not supported[^]*MTPLX_E_BACKEND_UNSUPPORTED/],
  [['--model', '/nowhere', 'x'], 2, /No model in \/nowhere[^]*MTPLX_E_MODEL_NOT_FOUND/],
  [['--max-tokens', '100000', 'x'], 2, /MTPLX_E_PROMPT_TOO_LONG/],
  [['--draft-head', '4', 'x'], 2, /already has 4 bits[^]*MTPLX_E_DRAFT_HEAD_POINTLESS/],
  [['--nonsense', 'x'], 2, /Nonexistent flag/],
  [[''], 2, /prompt: is empty/],
];
for (const [args, status, words] of mistakes) {
  test(`run ${args.join(' ')}: exit ${status} and a reason`, () => {
    const outcome = mtplx(['run', '--raw', ...args]);
    assert.is(outcome.status, status, outcome.stderr);
    assert.match(outcome.stderr, words);
    assert.is(outcome.stdout, '');
    assert.not.match(outcome.stderr, /\n\s+at /);
  });
}

test('a truncated weight file: file and tensor are named, exit 3', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mtplx-run-'));
  try {
    cpSync(join(packageRoot, 'fixtures/model'), folder, { recursive: true });
    truncateSync(join(folder, 'model.safetensors'), 5_000_000);
    const { status, stderr } = mtplx(['run', '--model', folder, 'x']);
    assert.is(status, 3, stderr);
    assert.match(stderr, /model\.safetensors is cut off in \S+: expected \d+ bytes, found 5000000/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('--help needs no addon, run says how to build one', () => {
  const env = { MTPLX_ADDON_NAME: 'not-built' };
  assert.is(mtplx(['run', '--help'], { env }).status, 0);
  const { status, stderr } = mtplx(['run', 'x'], { env });
  assert.is(status, 1);
  assert.match(stderr, /npm run build:native/);
});

test('Ctrl-C keeps the text so far and exits with 130', async () => {
  const args = [bin, 'run', '--raw', '--max-tokens', '4000', prompt];
  const child = spawn(process.execPath, args, { env: { ...process.env, MTPLX_DEV: '1' }, timeout: 120_000 });
  let stdout = '';
  child.stdout.on('data', (chunk: Buffer) => {
    if (stdout === '') child.kill('SIGINT');
    stdout += chunk.toString();
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  assert.is(code, 130);
  assert.ok(stdout.length > 0);
});

test('a reader that goes away ends the run', async () => {
  const args = [bin, 'run', '--raw', '--max-tokens', '8000', prompt];
  const child = spawn(process.execPath, args, { env: { ...process.env, MTPLX_DEV: '1' }, timeout: 120_000 });
  child.stdout.once('data', () => child.stdout.destroy());
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const code = await new Promise((resolve) => child.on('close', resolve));
  assert.is(code, 0, stderr);
  assert.not.match(stderr, /EPIPE/);
});

test.run();
