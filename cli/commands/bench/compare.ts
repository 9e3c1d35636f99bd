import * as Flags from '@oclif/core/flags';
import type { CompareDocument } from '../../../harness/peers/document.ts';
import { BaseCommand } from '../../base-command.ts';

export default class BenchCompare extends BaseCommand {
  static override summary = 'Measure against another completion server on the same prompts.';
  static override description = `Starts the command, or uses the server at --url, waits until it is healthy, and lets it and our own arms continue the
same prompts in turn. {port} in the command becomes a free port. The server and all its children end with the
measurement. Any server of OpenAI's form will do: llama.cpp's, mlx-lm's, vLLM's.`;

  static override examples = [
    "<%= config.bin %> <%= command.id %> --against 'llama-server -m model.gguf --port {port}'",
    '<%= config.bin %> <%= command.id %> --url http://127.0.0.1:8080 --depths ar,3 --runs 5 --json',
  ];

  static override flags = {
    against: Flags.string({ description: 'shell command that starts the server', helpValue: '<command>' }),
    url: Flags.string({
      description: 'where the server answers (default: the port in the command)',
      helpValue: '<url>',
    }),
    wait: Flags.integer({ description: 'seconds until it must be healthy', min: 1, default: 120 }),
    suite: Flags.string({ description: 'prompts and settings, frozen by hash', default: 'cold-long-code-192' }),
    model: Flags.string({ description: 'model folder (default: the embedded model)' }),
    depths: Flags.string({ description: 'our own arms, such as ar,1..5', default: 'ar,3' }),
    acceptance: Flags.option({
      description: "how drafts are accepted (default: the suite's)",
      options: ['leviathan', 'coupled'] as const,
    })(),
    runs: Flags.integer({ description: 'repeats of each prompt', min: 1, default: 3 }),
    seed: Flags.integer({ description: 'of the order, and of the texts', min: 0, default: 0 }),
    threads: Flags.integer({ description: 'threads of our kernels (default: the physical cores)', min: 1 }),
    backend: Flags.string({ description: 'where our kernels run', default: 'cpu' }),
  };

  async run(): Promise<CompareDocument> {
    const { flags } = await this.parse(BenchCompare);
    const { parseDepths } = await import('../../../harness/bench/arms.ts');
    const { MtplxError, embeddedModel } = await import('../../../runtime/index.ts');
    if (flags.against === undefined && flags.url === undefined)
      throw new MtplxError('MTPLX_E_OPTION', { option: '--against', problem: 'name a command, or a server by --url' });
    const depths = [...new Set(parseDepths(flags.depths))];
    const { compareSpec } = await import('../../../harness/peers/compare.ts');
    const { runExperiment } = await import('../../../harness/experiments/run.ts');
    const { compareView } = await import('../../views/compare.ts');
    const model = flags.model ?? embeddedModel;
    const spec = await compareSpec({ ...flags, depths, model, waitSeconds: flags.wait });
    this.logToStderr(`${flags.suite} on ${spec.model.name}, against ${flags.against ?? flags.url}`);
    return this.present(compareView, (options) =>
      runExperiment(compareView.experiment, spec, { ...options, label: flags.suite }),
    );
  }
}
