import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { armsOf } from '../bench/arms.ts';
import { type GenerationSetup, measureJob } from '../bench/generations.ts';
import { type Job, jobSeed } from '../bench/schedule.ts';
import { openSetup, type SuiteOptions, suiteSpec, suiteSpecSchema } from '../bench/setup.ts';
import type { Environment, Experiment, OpenExperiment } from '../experiments/experiment.ts';
import { describeModel } from '../experiments/model.ts';
import { headerOf } from '../header.ts';
import { randomOf, shuffled } from '../randomness.ts';
import { promptText } from '../suites/suite.ts';
import { CompletionClient, type CompletionRequest } from './client.ts';
import { type CompareDocument, compareSchema } from './document.ts';
import { compareColumns, type CompareRow, serverArm } from './rows.ts';
import { PeerServer } from './server.ts';
import { summariseComparison } from './summary.ts';

const specSchema = suiteSpecSchema.extend({
  /** Drafts a cycle of our arms; 0 is plain decoding. */
  depths: z.array(z.int().min(0).max(8)).min(1),
  runs: z.int().min(1),
  /** Starts the server; null for one that runs. */
  against: z.string().nullable(),
  /** null: from the port in the command. */
  url: z.string().nullable(),
  /** Seconds until the server must be healthy. */
  wait_s: z.int().min(1),
});

export type CompareSpec = z.infer<typeof specSchema>;

export interface CompareOptions extends SuiteOptions {
  depths: readonly number[];
  runs: number;
  against?: string | undefined;
  url?: string | undefined;
  waitSeconds: number;
}

/** @throws MtplxError MTPLX_E_SUITE_UNKNOWN, and what a model folder throws */
export async function compareSpec(options: CompareOptions): Promise<CompareSpec> {
  const { depths, runs, against = null, url = null, waitSeconds: wait_s } = options;
  return { ...(await suiteSpec(options)), depths: [...depths], runs, against, url, wait_s };
}

/**
 * Our arms against another completion server on the same prompts, in turn: ours in this process, the server over HTTP,
 * nobody else at work: after each answer of the server a pause. A unit is one prompt in one repeat, all sides, in an
 * order drawn at random.
 */
export const compare: Experiment<CompareSpec, typeof compareColumns, CompareDocument> = {
  name: 'compare',
  specVersion: 2,
  specSchema,
  resultSchema: compareSchema,
  columns: compareColumns,
  units: (spec) =>
    turnsOf(spec).map((turn) => ({
      key: keyOf(turn),
      text: `repeat ${turn.run + 1}, ${spec.suite.prompts[turn.prompt]!}`,
      cost: turn.sides.length,
    })),
  open: openComparison,
  summarise: (spec, rows, context) => {
    const { suite, runs, seed, acceptance, against: command } = spec;
    const { server, ...summary } = summariseComparison(rows, seed);
    return { ...headerOf(suite, context), runs, seed, acceptance, server: { command, ...server }, ...summary };
  },
  headline: ({ arms, server }) => {
    const best = arms.reduce((a, b) => (b.ratio.value > a.ratio.value ? b : a));
    return `${best.name} ${best.tok_s.toFixed(0)} tok/s, server ${server.tok_s.toFixed(0)}: ${best.ratio.value.toFixed(2)}×`;
  },
};

/** One prompt in one repeat; `sides` are depths of ours, or the server. */
interface Turn {
  run: number;
  prompt: number;
  sides: (number | typeof serverArm)[];
}

function turnsOf({ suite, runs, depths, seed }: CompareSpec): Turn[] {
  const random = randomOf(seed);
  const prompts = suite.prompts.map((_, i) => i);
  return Array.from({ length: runs }, (_, run) =>
    shuffled(prompts, random).map((prompt) => ({ run, prompt, sides: shuffled([serverArm, ...depths], random) })),
  ).flat() as Turn[];
}

function keyOf({ run, prompt }: Turn): string {
  return `${run}/${prompt}`;
}

async function openComparison(spec: CompareSpec, environment: Environment): Promise<OpenExperiment<CompareRow>> {
  environment.report('wait for the server');
  const server = await openServer(spec, environment.signal);
  try {
    const arms = armsOf(spec.depths).filter(({ depth }) => spec.depths.includes(depth));
    const setup = await openSetup(spec, arms, environment);
    try {
      const client = new CompletionClient(server.url, spec.suite.settings.chat_template ? 'chat' : 'completions');
      const side: Sides = { spec, setup, server, client };
      environment.report('warm-up, server');
      await client.complete(
        { ...requestOf(side, 0, spec.seed), maxTokens: spec.suite.settings.warm_up_tokens },
        environment.signal,
      );
      const turns = new Map(turnsOf(spec).map((turn) => [keyOf(turn), turn]));
      return {
        ...describeModel(setup.model),
        run: async ({ key }, signal) => takeTurn(side, turns.get(key)!, signal),
        close: async () => {
          await server.stop();
          await setup.model.dispose();
        },
      };
    } catch (error) {
      await setup.model.dispose();
      throw error;
    }
  } catch (error) {
    await server.stop();
    throw error;
  }
}

async function openServer({ against, url, wait_s }: CompareSpec, signal: AbortSignal | undefined): Promise<PeerServer> {
  const waitMs = wait_s * 1000;
  if (against === null) return PeerServer.at(url!, waitMs, signal);
  return PeerServer.start({ command: against, url: url ?? undefined, waitMs, signal });
}

interface Sides {
  spec: CompareSpec;
  setup: GenerationSetup;
  server: PeerServer;
  client: CompletionClient;
}

/** After an answer a server may look for work with all its threads: llama.cpp's took 50 to 80 ms of two cores. */
const quietMs = 250;

async function takeTurn(sides: Sides, turn: Turn, signal: AbortSignal | undefined): Promise<CompareRow[]> {
  const rows: CompareRow[] = [];
  for (const side of turn.sides) {
    if (side !== serverArm) {
      rows.push(await askEngine(sides, turn, side, signal));
      continue;
    }
    rows.push(await askServer(sides, turn, signal));
    await sleep(quietMs, undefined, { signal }).catch(() => undefined);
    signal?.throwIfAborted();
  }
  return rows;
}

async function askEngine(
  { spec, setup }: Sides,
  { run, prompt }: Turn,
  depth: number,
  signal: AbortSignal | undefined,
): Promise<CompareRow> {
  const arm = armsOf([depth]).find((known) => known.depth === depth)!;
  const job: Job = { run, prompt, arm, acceptance: spec.acceptance, seed: jobSeed(spec.seed, prompt, run) };
  const { steps, promptTokens, beginMs } = await measureJob(setup, job, signal);
  return {
    run,
    prompt: spec.suite.prompts[prompt]!,
    arm: arm.name,
    depth,
    seed: job.seed,
    begin_ms: beginMs,
    prompt_tokens: promptTokens,
    new_tokens: steps.reduce((sum, { tokens }) => sum + tokens.length, 0),
    counted: 'engine',
    endpoint: null,
    first_ms: steps[0]!.atMs,
    last_ms: steps.at(-1)!.atMs,
    // Kibibytes, on every platform.
    peak_rss_bytes: process.resourceUsage().maxRSS * 1024,
  };
}

async function askServer(sides: Sides, { run, prompt }: Turn, signal: AbortSignal | undefined): Promise<CompareRow> {
  const { spec, setup, server, client } = sides;
  const seed = jobSeed(spec.seed, prompt, run);
  const beginMs = setup.now();
  const completion = await client.complete(requestOf(sides, prompt, seed), signal);
  return {
    run,
    prompt: spec.suite.prompts[prompt]!,
    arm: serverArm,
    depth: null,
    seed,
    begin_ms: beginMs,
    prompt_tokens: completion.promptTokens,
    new_tokens: completion.newTokens ?? (await setup.model.encode(completion.text)).length,
    counted: completion.newTokens === null ? 'text' : 'server',
    endpoint: client.endpoint,
    first_ms: completion.firstMs,
    last_ms: completion.lastMs,
    peak_rss_bytes: await server.peakMemory(),
  };
}

function requestOf({ setup }: Sides, prompt: number, seed: number): CompletionRequest {
  const { settings, prompts } = setup.suite;
  return {
    prompt: promptText(prompts[prompt]!),
    maxTokens: settings.max_tokens,
    sampler: settings.sampler,
    seed,
    ignoredStops: settings.ignore_stop_tokens ? [...setup.model.folder.stopIds] : [],
  };
}
