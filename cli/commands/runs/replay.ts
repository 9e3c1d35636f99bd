import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../base-command.ts';
import type { ReplayDocument } from '../../../harness/experiments/replay.ts';

export default class RunsReplay extends BaseCommand {
  static override summary = 'Run the spec of a run again and compare.';
  static override description = `Token ids and the logit hash of every cycle must be equal, on every machine with the same numerics version; exit
code 1 when they are not. Speeds are shown as a ratio with its interval. The second run gets a folder of its own.`;

  static override examples = ['<%= config.bin %> <%= command.id %> reports/results/sweep --json'];

  static override args = {
    run: Args.string({ description: 'name of a run under ./mtplx-runs, or a folder', required: true }),
  };

  static override flags = {
    model: Flags.string({ description: "the run's model on this machine", helpValue: '<folder>' }),
  };

  async run(): Promise<ReplayDocument> {
    const { args, flags } = await this.parse(RunsReplay);
    const { findRun } = await import('../../../harness/experiments/folder.ts');
    const { replayRun } = await import('../../../harness/experiments/replay.ts');
    const { replayReport } = await import('../../terminal/replay-report.ts');
    const { viewOf } = await import('../../views/index.ts');
    const run = await findRun(args.run);
    const { experiment } = await viewOf(run.description.experiment);
    const document = await this.follow((options) =>
      replayRun(experiment, run, { ...options, modelFolder: flags.model }).then(({ document: found }) => found),
    );
    this.log(replayReport(document));
    if (document.verdict === 'different') process.exitCode = 1;
    return document;
  }
}
