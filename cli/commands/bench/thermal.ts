import * as Flags from '@oclif/core/flags';
import type { ThermalDocument } from '../../../harness/thermal/document.ts';
import { BaseCommand } from '../../base-command.ts';
import { number } from '../../flags.ts';

export default class BenchThermal extends BaseCommand {
  static override summary = 'Decode for minutes without a pause, and watch speed, heat and clocks.';
  static override description = `The arms take turns, each for its minutes, with a cool-down between them. Speed is counted in buckets of a second, the
sensors are read as often. A machine without sensors is measured all the same: their columns are null.`;

  static override examples = [
    '<%= config.bin %> <%= command.id %> --minutes 10',
    '<%= config.bin %> <%= command.id %> --minutes 5 --arms ar,mtp:3,mtp:5 --rounds 2 --json',
  ];

  static override flags = {
    minutes: number({ description: 'length of each leg', above: 0, max: 24 * 60, default: 10 }),
    arms: Flags.string({ description: 'ar, and mtp with a depth, in the order of their turns', default: 'ar,mtp:3' }),
    rounds: Flags.integer({ description: 'turns of each arm; every second round runs backwards', min: 1, default: 1 }),
    'cool-down': Flags.integer({
      description: 'seconds between two legs, at most; without a thermometer, exactly',
      min: 0,
      default: 60,
    }),
    suite: Flags.string({ description: 'prompts and settings, frozen by hash', default: 'cold-long-code-192' }),
    model: Flags.string({ description: 'model folder (default: the embedded model)' }),
    acceptance: Flags.option({
      description: "how drafts are accepted (default: the suite's)",
      options: ['leviathan', 'coupled'] as const,
    })(),
    seed: Flags.integer({ description: 'prompt p of pass r uses seed + p + 1000 r', min: 0, default: 0 }),
    threads: Flags.integer({ description: 'threads of the kernels (default: the physical cores)', min: 1 }),
    backend: Flags.string({ description: 'where the kernels run', default: 'cpu' }),
    powermetrics: Flags.boolean({ description: 'on macOS, read clocks with sudo -n powermetrics', default: false }),
  };

  async run(): Promise<ThermalDocument> {
    const { flags } = await this.parse(BenchThermal);
    const { parseArms } = await import('../../../harness/thermal/arms.ts');
    const arms = parseArms(flags.arms);
    const { thermalSpec } = await import('../../../harness/thermal/experiment.ts');
    const { runExperiment } = await import('../../../harness/experiments/run.ts');
    const { embeddedModel } = await import('../../../runtime/index.ts');
    const { thermalView } = await import('../../views/thermal.ts');
    const model = flags.model ?? embeddedModel;
    const spec = await thermalSpec({ ...flags, arms, model, coolDown: flags['cool-down'] });
    this.logToStderr(`${flags.suite} on ${spec.model.name}: ${arms.map(({ name }) => name).join(', ')}`);
    return this.present(thermalView, (options) =>
      runExperiment(thermalView.experiment, spec, { ...options, label: flags.suite }),
    );
  }
}
