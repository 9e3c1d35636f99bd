import * as Flags from '@oclif/core/flags';
import type { AutoDocument } from '../../../harness/tuning/auto.ts';
import type { TuneDocument } from '../../../harness/tuning/tune.ts';
import { BaseCommand } from '../../base-command.ts';

/** What --json prints: both runs. */
export interface BenchAutoResult {
  fixed: TuneDocument;
  auto: AutoDocument;
}

export default class BenchAuto extends BaseCommand {
  static override summary = 'Show that automatic depth never loses.';
  static override description = `Two runs: the first finds the best fixed depth, the second holds automatic depth against it and against plain
decoding, on the same prompts, arms in random order. It ends with exit code 1 unless the 95 % interval of every ratio
lies above 0.97. \`mtplx runs resume\` goes on with either.`;

  static override examples = [
    '<%= config.bin %> <%= command.id %> --suite cold-long-code-192',
    '<%= config.bin %> <%= command.id %> --suite random-hot-192 --untuned',
  ];

  static override flags = {
    suite: Flags.string({ description: 'prompts and settings, frozen by hash', default: 'cold-long-code-192' }),
    model: Flags.string({ description: 'model folder (default: the embedded model)' }),
    runs: Flags.integer({ description: 'how often each prompt is decoded in the second run', min: 1, default: 10 }),
    'fixed-runs': Flags.integer({ description: 'how often in the first run', min: 1, default: 3 }),
    from: Flags.string({ description: 'take an earlier run of mtplx tune as the first', helpValue: '<run>' }),
    acceptance: Flags.option({
      description: 'how drafts are accepted: with coupled all arms emit the same text',
      options: ['leviathan', 'coupled'] as const,
      default: 'coupled' as const,
    })(),
    untuned: Flags.boolean({ description: 'begin with nothing measured, as a model does that was never tuned' }),
    threads: Flags.integer({ description: 'threads of the kernels (default: the physical cores)', min: 1 }),
    backend: Flags.string({ description: 'where the kernels run', default: 'cpu' }),
  };

  async run(): Promise<BenchAutoResult> {
    const { flags } = await this.parse(BenchAuto);
    const { tuneSpec } = await import('../../../harness/tuning/tune.ts');
    const { autoSpec } = await import('../../../harness/tuning/auto.ts');
    const { bestMeasured, startOf } = await import('../../../harness/tuning/best.ts');
    const { findRun } = await import('../../../harness/experiments/folder.ts');
    const { resumeExperiment, runExperiment } = await import('../../../harness/experiments/run.ts');
    const { embeddedModel } = await import('../../../runtime/index.ts');
    const { tuneView } = await import('../../views/tune.ts');
    const { autoView } = await import('../../views/auto.ts');
    const model = flags.model ?? embeddedModel;
    const fixed = await this.present(tuneView, async (options) =>
      flags.from === undefined
        ? runExperiment(tuneView.experiment, await tuneSpec({ ...flags, model, runs: flags['fixed-runs'] }), options)
        : resumeExperiment(tuneView.experiment, await findRun(flags.from), options),
    );
    const spec = await autoSpec({ ...flags, model, fixed: bestMeasured(fixed), start: startOf(fixed, flags.untuned) });
    this.log('');
    const auto = await this.present(autoView, (options) =>
      runExperiment(autoView.experiment, spec, { ...options, label: flags.suite }),
    );
    return { fixed, auto };
  }
}
