import * as Flags from '@oclif/core/flags';
import type { KernelsDocument } from '../../../harness/kernels/document.ts';
import { BaseCommand } from '../../base-command.ts';

export default class BenchKernels extends BaseCommand {
  static override summary = 'Time every kernel beside stock MLX and beside a plain read of its bytes.';
  static override description = `Microseconds, GB/s, share of the bound and the cost of M rows over one. The benches are built by
npm run build:bench; the rows go to a folder under ./mtplx-runs.`;

  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --kernel linear --kernel attention --threads 2',
  ];

  static override flags = {
    kernel: Flags.string({ description: 'only these (default: all that have a bench)', multiple: true }),
    threads: Flags.integer({ description: 'threads of the kernels', min: 1, multiple: true, default: [1, 2] }),
    isa: Flags.string({
      description: 'instruction set (default: the one that the engine would choose)',
      options: ['scalar', 'avx2', 'avxvnni', 'avx512', 'avx512vnni', 'amx', 'neon', 'neondot'],
    }),
  };

  async run(): Promise<KernelsDocument> {
    const { flags } = await this.parse(BenchKernels);
    const { kernelsSpec } = await import('../../../harness/kernels/experiment.ts');
    const { runExperiment } = await import('../../../harness/experiments/run.ts');
    const { kernelsView } = await import('../../views/kernels.ts');
    const spec = await kernelsSpec({ kernels: flags.kernel, threads: flags.threads, isa: flags.isa });
    return this.present(kernelsView, (options) => runExperiment(kernelsView.experiment, spec, options));
  }
}
