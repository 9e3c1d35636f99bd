import * as Flags from '@oclif/core/flags';
import type { BreakdownDocument } from '../../../harness/breakdown/document.ts';
import { BaseCommand } from '../../base-command.ts';

export default class BenchBreakdown extends BaseCommand {
  static override summary = 'Show where the time of a decoding cycle goes.';
  static override description = `Shares of matmuls, GDN, attention, the rest of the engine, the hop between TypeScript and the engine, and
TypeScript itself, for each depth and number of threads, beside the time that reading the weights takes. The cycles go one by one to a
folder under ./mtplx-runs.`;

  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --depths ar,3 --threads 1 --threads 2 --json',
  ];

  static override flags = {
    model: Flags.string({ description: 'model folder (default: the embedded model)' }),
    depths: Flags.string({ description: 'drafts a cycle, such as ar,1..5', default: 'ar,1..5' }),
    threads: Flags.integer({ description: 'threads of the kernels', min: 1, multiple: true, default: [1, 2] }),
    cycles: Flags.integer({ description: 'measured cycles of each row', min: 10, default: 100 }),
  };

  async run(): Promise<BreakdownDocument> {
    const { flags } = await this.parse(BenchBreakdown);
    const { parseDepths } = await import('../../../harness/bench/arms.ts');
    const depths = parseDepths(flags.depths);
    const { breakdownSpec } = await import('../../../harness/breakdown/experiment.ts');
    const { runExperiment } = await import('../../../harness/experiments/run.ts');
    const { embeddedModel } = await import('../../../runtime/index.ts');
    const { breakdownView } = await import('../../views/breakdown.ts');
    const { threads, cycles } = flags;
    const spec = await breakdownSpec({ model: flags.model ?? embeddedModel, depths, threads, cycles });
    return this.present(breakdownView, (options) => runExperiment(breakdownView.experiment, spec, options));
  }
}
