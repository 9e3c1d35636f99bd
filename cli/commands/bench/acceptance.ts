import * as Flags from '@oclif/core/flags';
import type { AcceptanceStudy } from '../../../harness/acceptance/document.ts';
import type { AcceptanceName } from '../../../runtime/index.ts';
import { BaseCommand } from '../../base-command.ts';
import { numberList } from '../../flags.ts';

const rules = {
  both: ['leviathan', 'coupled'],
  leviathan: ['leviathan'],
  coupled: ['coupled'],
} as const satisfies Record<string, readonly AcceptanceName[]>;

export default class BenchAcceptance extends BaseCommand {
  static override summary = 'Measure how many drafts are accepted, by position, temperature, rule, prompt and context.';
  static override description = `Acceptance by both definitions with Wilson intervals, accepted length with bootstrap intervals over prompts. Contexts
are the ends of long prompts, so that the length alone differs. No speed is reported: use bench sweep for that.`;

  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --depth 3 --temperatures 0,0.6 --rules leviathan --no-contexts --json',
  ];

  static override flags = {
    suite: Flags.string({ description: 'prompts and settings, frozen by hash', default: 'cold-long-code-192' }),
    model: Flags.string({ description: 'model folder (default: the embedded model)' }),
    depth: Flags.integer({ description: 'drafts a cycle', min: 1, max: 8, default: 5 }),
    temperatures: numberList({
      description: "of the target; the suite's own is always there, and its draft temperature stays",
      min: 0,
      max: 100,
      default: [0, 0.3, 0.6, 0.8, 1],
    }),
    rules: Flags.option({
      description: 'how drafts are accepted',
      options: Object.keys(rules) as (keyof typeof rules)[],
      default: 'both',
    })(),
    contexts: numberList({
      description: 'tokens of context',
      min: 1,
      max: 2 ** 20,
      whole: true,
      default: [128, 256, 512, 1024, 2048, 4096],
      exclusive: ['no-contexts'],
    }),
    'no-contexts': Flags.boolean({ description: 'leave the contexts out' }),
    'context-suite': Flags.string({ description: 'whose prompts are cut to contexts', default: 'context-4k' }),
    runs: Flags.integer({ description: 'repeats of each prompt', min: 1, default: 1 }),
    seed: Flags.integer({ description: 'prompt p of repeat r uses seed + p + 1000 r', min: 0, default: 0 }),
    threads: Flags.integer({ description: 'threads of the kernels (default: the physical cores)', min: 1 }),
    backend: Flags.string({ description: 'where the kernels run', default: 'cpu' }),
  };

  async run(): Promise<AcceptanceStudy> {
    const { flags } = await this.parse(BenchAcceptance);
    const { studySpec } = await import('../../../harness/acceptance/study.ts');
    const { runExperiment } = await import('../../../harness/experiments/run.ts');
    const { embeddedModel } = await import('../../../runtime/index.ts');
    const { acceptanceView } = await import('../../views/acceptance.ts');
    const spec = await studySpec({
      ...flags,
      model: flags.model ?? embeddedModel,
      rules: rules[flags.rules],
      contexts: flags['no-contexts'] ? [] : flags.contexts,
      contextSuite: flags['context-suite'],
    });
    this.logToStderr(`${flags.suite} on ${spec.model.name}: depth ${flags.depth}, ${spec.cells.length} settings`);
    return this.present(acceptanceView, (options) =>
      runExperiment(acceptanceView.experiment, spec, { ...options, label: flags.suite }),
    );
  }
}
