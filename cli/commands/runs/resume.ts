import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../base-command.ts';

export default class RunsResume extends BaseCommand {
  static override summary = 'Go on with a run that was stopped.';
  static override description = `What is finished is not run again. Sources, model and machine must be those of the run. A run that is complete
is only shown.`;

  static override examples = ['<%= config.bin %> <%= command.id %> 2026-11-24T17-30-05-bench-cold-long-code-192'];

  static override args = {
    run: Args.string({ description: 'name of a run under ./mtplx-runs, or a folder', required: true }),
  };

  static override flags = {
    model: Flags.string({ description: "the run's model, when its folder has moved", helpValue: '<folder>' }),
  };

  async run(): Promise<unknown> {
    const { args, flags } = await this.parse(RunsResume);
    const { findRun } = await import('../../../harness/experiments/folder.ts');
    const { resumeExperiment } = await import('../../../harness/experiments/run.ts');
    const { viewOf } = await import('../../views/index.ts');
    const run = await findRun(args.run);
    const view = await viewOf(run.description.experiment);
    return this.present(view, (options) =>
      resumeExperiment(view.experiment, run, { ...options, modelFolder: flags.model }),
    );
  }
}
