import { text } from 'node:stream/consumers';
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import type { Generation } from '../../runtime/index.ts';
import { BaseCommand } from '../base-command.ts';
import { modelFlags, samplingFlags } from '../flags.ts';
import { Progress } from '../terminal/progress.ts';
import { generationStats } from '../terminal/stats.ts';

export default class Run extends BaseCommand {
  static override summary = 'answer a prompt, streaming';
  static override description =
    'Text goes to standard output, all else to standard error. Without a prompt, standard input is read.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> "Write a function that reverses a list."',
    '<%= config.bin %> <%= command.id %> --raw --seed 1 --stats "def quicksort("',
    'cat prompt.txt | <%= config.bin %> <%= command.id %> --model ./Qwen3.6-27B-4bit --max-tokens 400',
  ];
  static override args = {
    prompt: Args.string({ description: 'the prompt; - reads standard input', ignoreStdin: true }),
  };
  static override flags = {
    ...modelFlags,
    'max-tokens': Flags.integer({ char: 'n', description: 'new tokens at most (default: 512)', min: 1 }),
    ...samplingFlags,
    stop: Flags.string({
      description: 'end before this text (repeatable)',
      multiple: true,
      multipleNonGreedy: true,
      helpValue: '<text>',
    }),
    raw: Flags.boolean({ description: 'continue the prompt as it is, without chat template' }),
    stats: Flags.boolean({ description: 'show speed and acceptance at the end' }),
    'require-verified': Flags.boolean({ description: 'refuse a model without a valid contract (mtplx verify)' }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(Run);
    const { embeddedModel, loadModel, MtplxError } = await import('../../runtime/index.ts');
    const prompt = await this.#prompt(args.prompt);
    if (prompt === '') throw new MtplxError('MTPLX_E_OPTION', { option: 'prompt', problem: 'is empty' });
    const folder = flags.model ?? embeddedModel;
    if (flags.model === undefined) this.#note('Model: the embedded one (33 M parameters, code; --model names another)');
    await this.#checkTier(folder, flags);
    const progress = new Progress();
    const model = await loadModel(folder, {
      backend: flags.backend,
      threads: flags.threads,
      drafter: flags.drafter,
      draftHeadBits: flags['draft-head'] as 3 | 4 | undefined,
      onProgress: ({ done, total }) => progress.update(done, total, 'loading'),
    });
    progress.clear();
    if (model.depthStart?.problem) this.#note(`Warning: ${model.depthStart.problem} Depths start untuned.`);
    // Not `await using`: with it TypeScript 6 leaves the dynamic import above pointing at the source.
    try {
      const chat = !flags.raw && model.template !== null;
      const generation = model.generate(chat ? [{ role: 'user', content: prompt }] : prompt, {
        maxTokens: flags['max-tokens'],
        temperature: flags.temperature,
        topP: flags['top-p'],
        topK: flags['top-k'],
        seed: flags.seed,
        depth: flags['no-mtp'] ? 0 : flags.depth,
        acceptance: flags.acceptance,
        stop: flags.stop,
        signal: this.signal,
      });
      const result = await this.#stream(generation);
      const stats = generationStats(generation, model.depthStart);
      if (flags.stats) this.#note(stats.lines.join('\n'));
      return { model: model.folder.folder, chat, ...result, ...stats.json };
    } finally {
      await model.dispose();
    }
  }

  /** Warns of a model that was not verified here. @throws MtplxError MTPLX_E_UNVERIFIED when one was required */
  async #checkTier(
    folder: string,
    flags: { backend: string; drafter?: string | undefined; 'require-verified': boolean },
  ): Promise<void> {
    const { MtplxError, tierOfFolder } = await import('../../runtime/index.ts');
    const { tier, canRun, reason } = await tierOfFolder(folder, flags);
    if (tier === 'verified' || !canRun) return;
    if (flags['require-verified']) throw new MtplxError('MTPLX_E_UNVERIFIED', { folder, reason });
    this.#note(`Warning: not verified: ${reason}`);
  }

  async #prompt(argument: string | undefined): Promise<string> {
    if (argument !== undefined && argument !== '-') return argument;
    if (process.stdin.isTTY) this.error('Give a prompt, or pipe one in.', { exit: 2 });
    return text(process.stdin);
  }

  /** Writes text as it comes. */
  async #stream(generation: Generation): Promise<{ text: string; tokens: number[]; finish: string | null }> {
    const all = { text: '', tokens: [] as number[], finish: null as string | null };
    for await (const part of generation) {
      all.text += part.text;
      all.tokens.push(...part.tokens);
      all.finish = part.finish;
      if (!this.jsonEnabled() && part.text !== '') process.stdout.write(part.text);
    }
    if (!this.jsonEnabled() && process.stdout.isTTY && !all.text.endsWith('\n')) process.stdout.write('\n');
    return all;
  }

  #note(line: string): void {
    if (!this.jsonEnabled()) this.logToStderr(line);
  }
}
