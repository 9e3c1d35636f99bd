import { Flags } from '@oclif/core';
import type { BreakdownDocument } from '../../../harness/breakdown/run.ts';
import { BaseCommand } from '../../base-command.ts';

export default class BenchBreakdown extends BaseCommand {
  static override summary = 'Show where the time of a decoding cycle goes.';
  static override description = `Shares of matmuls, GDN, attention, the rest of the engine, the hop between TypeScript and the engine, and
TypeScript itself, for each depth and number of threads, beside the time that reading the weights takes.`;

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
    const { runBreakdown } = await import('../../../harness/breakdown/run.ts');
    const { embeddedModel } = await import('../../../runtime/index.ts');
    const { Progress } = await import('../../terminal/progress.ts');
    const progress = new Progress();
    try {
      const document = await runBreakdown({
        model: flags.model ?? embeddedModel,
        depths,
        threads: flags.threads,
        cycles: flags.cycles,
        signal: this.signal,
        onProgress: ({ done, total, text }) => progress.update(done, total, text),
      });
      progress.clear();
      const { breakdownReport } = await import('../../terminal/breakdown-report.ts');
      this.log(breakdownReport(document));
      return document;
    } finally {
      progress.clear();
    }
  }
}
