import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import type { TuneDocument } from '../../harness/tuning/tune.ts';
import type { Tuning } from '../../runtime/settings/profile.ts';
import { BaseCommand } from '../base-command.ts';

/** What --json prints: the measurement, and what was written where. */
export interface TuneResult extends TuneDocument {
  /** null: nothing was written. */
  profile: { file: string; tuning: Tuning } | null;
}

export default class Tune extends BaseCommand {
  static override summary = 'Find the depth that is fastest here, and keep it.';
  static override description = `Plain decoding and depths 1 to 5 take turns on a suite. What a cycle of each costs and how often drafts are
accepted goes into your profile, for this model on this machine: \`mtplx run\` begins with it. The profile lies in
MTPLX_HOME, else in ~/Library/Application Support/mtplx (macOS) or XDG_CONFIG_HOME/mtplx (~/.config/mtplx).`;

  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> ./Qwen3.6-27B-4bit --prompts 2',
    '<%= config.bin %> <%= command.id %> --dry-run --json',
  ];

  static override args = {
    model: Args.string({ description: 'model folder (default: the embedded model)' }),
  };

  static override flags = {
    suite: Flags.string({ description: 'prompts and settings, frozen by hash', default: 'cold-long-code-192' }),
    prompts: Flags.integer({ description: "how many of the suite's prompts", min: 1, default: 6 }),
    runs: Flags.integer({ description: 'how often each prompt is decoded', min: 1, default: 1 }),
    'draft-head': Flags.integer({
      description: 'bits of a copy of the LM head that is used for drafts alone',
      options: ['3', '4'],
    }),
    threads: Flags.integer({ description: 'threads of the kernels (default: the physical cores)', min: 1 }),
    backend: Flags.string({ description: 'where the kernels run', default: 'cpu' }),
    from: Flags.string({
      description: 'take (or go on with) an earlier tune run in place of a new one',
      helpValue: '<run>',
    }),
    'dry-run': Flags.boolean({ description: 'measure and show, write nothing' }),
  };

  async run(): Promise<TuneResult> {
    const { args, flags } = await this.parse(Tune);
    const { tuneSpec, tuningOf } = await import('../../harness/tuning/tune.ts');
    const { resumeExperiment, runExperiment } = await import('../../harness/experiments/run.ts');
    const { findRun } = await import('../../harness/experiments/folder.ts');
    const { embeddedModel, MtplxError } = await import('../../runtime/index.ts');
    const { profileFile, readProfile, saveTuning } = await import('../../runtime/settings/profile.ts');
    const { tuneView } = await import('../views/tune.ts');
    const model = args.model ?? embeddedModel;
    const draftHead = flags['draft-head'] as 3 | 4 | undefined;
    // A profile that cannot be added to is found before anything is measured.
    if (!flags['dry-run']) await readProfile();
    const before = flags.from === undefined ? null : await findRun(flags.from);
    if (before !== null && before.description.experiment !== 'tune')
      throw new MtplxError('MTPLX_E_OPTION', { option: '--from', problem: `${before.name} is no run of mtplx tune` });
    let machine: Parameters<typeof tuningOf>[1] | undefined;
    const document = await this.present(tuneView, async (options) => {
      const { experiment } = tuneView;
      const run =
        before === null
          ? await runExperiment(experiment, await tuneSpec({ ...flags, model, draftHead }), options)
          : await resumeExperiment(experiment, before, { ...options, modelFolder: args.model });
      machine = run.description.machine;
      return run;
    });
    if (flags['dry-run'] || document.first_difference !== null) return { ...document, profile: null };
    const [file, tuning] = [profileFile(), tuningOf(document, machine!)];
    await saveTuning(tuning, file);
    const { cpu, cores } = tuning.machine;
    this.log(
      `\nWritten to ${file}: depth ${tuning.depth} for ${tuning.model_name} (${tuning.model_hash.slice(0, 12)}…) on ${cpu}, ${cores} cores, threads ${tuning.threads}, ${tuning.backend}.`,
    );
    return { ...document, profile: { file, tuning } };
  }
}
