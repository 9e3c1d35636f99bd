import * as Flags from '@oclif/core/flags';
import type { SweepDocument } from '../../../harness/acceptance/sweep-document.ts';
import { BaseCommand } from '../../base-command.ts';
import { number } from '../../flags.ts';

export default class BenchSweep extends BaseCommand {
  static override summary = 'Measure every draft depth against plain decoding, with intervals.';
  static override description = `Prompts and arms come in an order drawn at random from the seed, each prompt with all arms side by side. Every ratio
has a 95 % bootstrap interval, and beside each measured ratio stands accepted length ÷ cost of a cycle; a difference of
more than 10 % is told.`;

  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --suite chat --depths 1..3 --runs 5 --json',
  ];

  static override flags = {
    suite: Flags.string({ description: 'prompts and settings, frozen by hash', default: 'cold-long-code-192' }),
    model: Flags.string({ description: 'model folder (default: the embedded model)' }),
    depths: Flags.string({ description: 'drafts a cycle; ar always runs, since ratios divide by it', default: '1..5' }),
    temperature: number({ description: "of the target, 0 is greedy (default: the suite's)", min: 0, max: 100 }),
    acceptance: Flags.option({
      description: "how drafts are accepted (default: the suite's)",
      options: ['leviathan', 'coupled'] as const,
    })(),
    runs: Flags.integer({ description: 'repeats of each prompt', min: 1, default: 3 }),
    seed: Flags.integer({ description: 'of the order, and of the texts', min: 0, default: 0 }),
    threads: Flags.integer({ description: 'threads of the kernels (default: the physical cores)', min: 1 }),
    backend: Flags.string({ description: 'where the kernels run', default: 'cpu' }),
  };

  async run(): Promise<SweepDocument> {
    const { flags } = await this.parse(BenchSweep);
    const { parseDepths } = await import('../../../harness/bench/arms.ts');
    const depths = parseDepths(flags.depths);
    const { sweepSpec } = await import('../../../harness/acceptance/sweep.ts');
    const { runExperiment } = await import('../../../harness/experiments/run.ts');
    const { embeddedModel } = await import('../../../runtime/index.ts');
    const { sweepView } = await import('../../views/sweep.ts');
    const spec = await sweepSpec({ ...flags, depths, model: flags.model ?? embeddedModel });
    this.logToStderr(`${flags.suite} on ${spec.model.name}: ar and depths ${flags.depths}, ${flags.runs} repeats`);
    return this.present(sweepView, (options) =>
      runExperiment(sweepView.experiment, spec, { ...options, label: flags.suite }),
    );
  }
}
