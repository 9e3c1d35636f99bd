import * as Flags from '@oclif/core/flags';
import type { BenchDocument } from '../../../harness/bench/document.ts';
import { BaseCommand } from '../../base-command.ts';

const defaultDepth = 3;

export default class BenchRun extends BaseCommand {
  static override summary = 'Measure speculative decoding against plain decoding, exactly.';
  static override description = `Plain decoding (ar) and every draft depth take turns, prompt by prompt, in one process after a warm-up.
Speeds count decoding alone. Spec, rows and result go to a folder under ./mtplx-runs, where a run that was stopped can
be resumed; --json prints one document.`;

  static override examples = [
    '<%= config.bin %> <%= command.id %> --suite cold-long-code-192',
    '<%= config.bin %> <%= command.id %> --suite cold-long-code-192 --depths ar,1..5 --runs 1 --json',
    '<%= config.bin %> <%= command.id %> --suite smoke-code-16 --acceptance coupled',
  ];

  static override flags = {
    suite: Flags.string({ description: 'prompts and settings, frozen by hash', required: true }),
    model: Flags.string({ description: 'model folder (default: the embedded model)' }),
    depth: Flags.integer({ description: `drafts a cycle (default ${defaultDepth})`, min: 1, max: 8 }),
    depths: Flags.string({
      description: 'several depths, such as ar,1..5; ar always runs, since ratios divide by it',
      exclusive: ['depth'],
    }),
    acceptance: Flags.option({
      description: "how drafts are accepted (default: the suite's)",
      options: ['leviathan', 'coupled'] as const,
    })(),
    runs: Flags.integer({ description: 'how often each prompt is decoded', min: 1, default: 3 }),
    seed: Flags.integer({ description: 'prompt p of run r uses seed + p + 1000 r', min: 0, default: 0 }),
    threads: Flags.integer({ description: 'threads of the kernels (default: the physical cores)', min: 1 }),
    backend: Flags.string({ description: 'where the kernels run', default: 'cpu' }),
  };

  async run(): Promise<BenchDocument> {
    const { flags } = await this.parse(BenchRun);
    const { armsOf, parseDepths } = await import('../../../harness/bench/arms.ts');
    const arms = armsOf(flags.depths === undefined ? [flags.depth ?? defaultDepth] : parseDepths(flags.depths));
    const { benchSpec } = await import('../../../harness/bench/experiment.ts');
    const { runExperiment } = await import('../../../harness/experiments/run.ts');
    const { embeddedModel } = await import('../../../runtime/index.ts');
    const { benchView } = await import('../../views/bench.ts');
    const spec = await benchSpec({ ...flags, arms, model: flags.model ?? embeddedModel });
    this.logToStderr(
      `${flags.suite} on ${flags.model ?? 'the embedded model'}: ${arms.map(({ name }) => name).join(', ')}`,
    );
    return this.present(benchView, (options) =>
      runExperiment(benchView.experiment, spec, { ...options, label: spec.suite.name }),
    );
  }
}
