import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import type { VerifyResult } from '../../harness/verify/experiment.ts';
import type { VerifyOptions } from '../../harness/verify/spec.ts';
import type { Model } from '../../runtime/index.ts';
import type { Contract } from '../../runtime/model/contract.ts';
import { BaseCommand } from '../base-command.ts';

/** Of a model whose verification failed: it reads as unverified. */
const unverifiedExit = 3;

interface EngineFlags {
  threads?: number | undefined;
  backend: string;
}

export default class Verify extends BaseCommand {
  static override summary = "Prove a model's decoding exact here, measure it, and write its contract.";
  static override description = `Runs the exactness gates with their negative controls, acceptance and a paired speed run, and writes
mtplx_runtime.json into the model's folder. A failed gate is written too, as a failed contract. How long it will take is
said beforehand; a run that is stopped can be resumed. Exit codes: 0 verified, 2 no MTP head, 3 not verified,
4 not supported.`;

  static override examples = [
    '<%= config.bin %> <%= command.id %> ./Qwen3.6-27B-4bit',
    '<%= config.bin %> <%= command.id %> --quick --out /tmp',
    '<%= config.bin %> <%= command.id %> --list',
  ];

  static override args = {
    model: Args.string({ description: 'model folder (default: the embedded model)', ignoreStdin: true }),
  };

  static override flags = {
    list: Flags.boolean({ description: 'show the gates and run nothing' }),
    quick: Flags.boolean({ description: 'a look: under a minute on the embedded model', exclusive: ['full'] }),
    full: Flags.boolean({
      description: 'everything, without a limit (default: at most 15 minutes where that is possible)',
    }),
    out: Flags.string({
      description: 'folder or file for the contract (default: the model folder)',
      helpValue: '<path>',
    }),
    check: Flags.boolean({
      description: 'run again what the contract says and compare with it; write nothing',
      exclusive: ['out', 'quick', 'full', 'resume'],
    }),
    resume: Flags.string({
      description: 'go on with a stopped verification, and write its contract',
      helpValue: '<run>',
      exclusive: ['quick', 'full'],
    }),
    threads: Flags.integer({ description: 'threads of the kernels (default: the physical cores)', min: 1 }),
    backend: Flags.string({ description: 'where the kernels run', default: 'cpu' }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(Verify);
    if (flags.list) return this.#list();
    const { embeddedModel } = await import('../../runtime/index.ts');
    const folder = args.model ?? embeddedModel;
    if (flags.check) return this.#check(folder, flags);
    // A folder without a model is that, not a place that cannot be written.
    const { openModelFolder } = await import('../../runtime/model/folder.ts');
    await openModelFolder(folder);
    const { contractTarget, writeContract } = await import('../../harness/verify/write.ts');
    const target = await contractTarget(folder, flags.out);
    const size = flags.quick ? 'quick' : flags.full ? 'full' : 'default';
    const result =
      flags.resume === undefined
        ? await this.#verify(folder, size, flags)
        : await this.#resume(flags.resume, args.model);
    await writeContract(target, result.contract);
    this.log(`contract  ${target}`);
    if (result.contract.status !== 'verified') process.exitCode = unverifiedExit;
    return { ...result, contract_file: target };
  }

  async #list(): Promise<object> {
    const { listGates } = await import('../../harness/verify/list.ts');
    const gates = listGates();
    for (const { name, claim, control } of gates) this.log(`${name}\n  claim:   ${claim}\n  control: ${control}`);
    return { gates };
  }

  async #verify(folder: string, size: VerifyOptions['size'], { threads, backend }: EngineFlags): Promise<VerifyResult> {
    const { loadModel } = await import('../../runtime/index.ts');
    const { Progress } = await import('../terminal/progress.ts');
    const progress = new Progress();
    const onProgress = ({ done, total }: { done: number; total: number }) => progress.update(done, total, 'loading');
    const model = await loadModel(folder, { threads, backend, onProgress }).finally(() => progress.clear());
    try {
      return await this.#run(model, folder, size, { threads, backend });
    } finally {
      await model.dispose();
    }
  }

  async #run(model: Model, folder: string, size: VerifyOptions['size'], engine: EngineFlags): Promise<VerifyResult> {
    const { verification } = await import('../../harness/verify/experiment.ts');
    const { predictedMs, verifySpec } = await import('../../harness/verify/spec.ts');
    const { runExperiment } = await import('../../harness/experiments/run.ts');
    const { duration } = await import('../terminal/experiment.ts');
    const { verifyView } = await import('../views/verify.ts');
    const spec = await verifySpec(model, { model: folder, size, ...engine });
    const { step_times: times, scale_name: scale } = spec;
    this.logToStderr(
      `${model.folder.name} (${scale}): about ${duration(predictedMs(spec))}, from ${times.step.toFixed(1)} ms a step`,
    );
    try {
      return await this.present(verifyView, (options) =>
        runExperiment(verification(model), spec, { ...options, label: model.folder.name }),
      );
    } finally {
      if (this.signal.aborted)
        this.logToStderr('To go on and write the contract: mtplx verify --resume, with the folder of the run above');
    }
  }

  async #resume(name: string, modelFolder: string | undefined): Promise<VerifyResult> {
    const { findRun } = await import('../../harness/experiments/folder.ts');
    const { resumeExperiment } = await import('../../harness/experiments/run.ts');
    const { verifyView } = await import('../views/verify.ts');
    const run = await findRun(name);
    return this.present(verifyView, (options) =>
      resumeExperiment(verifyView.experiment, run, { ...options, modelFolder }),
    );
  }

  /** What a contract claims, against a new run at its own scale. */
  async #check(
    folder: string,
    engine: EngineFlags,
  ): Promise<{ committed: Contract; found: Contract; differences: string[] }> {
    const { contractDifferences } = await import('../../harness/verify/contract.ts');
    const { committedContract, scaleOf } = await import('../../harness/verify/committed.ts');
    const committed = await committedContract(folder);
    const { contract: found } = await this.#verify(folder, scaleOf(committed), engine);
    const differences = contractDifferences(committed, found);
    for (const difference of differences) this.logToStderr(`Error: contract and reality differ in ${difference}.`);
    if (differences.length > 0) process.exitCode = 1;
    else this.log(`The contract of ${committed.verified_on.timestamp} holds.`);
    return { committed, found, differences };
  }
}
