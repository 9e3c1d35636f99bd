import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../base-command.ts';
import { Progress } from '../terminal/progress.ts';

export default class Convert extends BaseCommand {
  static override summary = 'convert a Hugging Face checkpoint to a quantised MLX model with its MTP head';
  static override description =
    'Writes what mlx-lm loads too, with the MTP head beside it in mtp.safetensors. The target appears when it is whole.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> ./Qwen3.5-4B --out ./Qwen3.5-4B-4bit',
    '<%= config.bin %> <%= command.id %> ./Qwen3.5-4B --out ./Qwen3.5-4B-8bit --bits 8 --mtp-bits 16',
  ];
  static override args = {
    source: Args.string({ description: 'folder of the checkpoint', required: true, ignoreStdin: true }),
  };
  static override flags = {
    out: Flags.string({ char: 'o', description: 'folder to make; must be new or empty', required: true }),
    bits: Flags.integer({ description: 'bits of a weight', options: ['2', '3', '4', '5', '6', '8'], default: 4 }),
    'group-size': Flags.integer({
      description: 'weights that share a scale',
      options: ['32', '64', '128'],
      default: 64,
    }),
    'mtp-bits': Flags.integer({
      description: 'bits of the MTP head; 16 keeps it as it is (default: as --bits)',
      options: ['2', '3', '4', '5', '6', '8', '16'],
    }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(Convert);
    const { convertModel } = await import('../../runtime/index.ts');
    const progress = new Progress();
    const result = await convertModel(args.source, flags.out, {
      bits: flags.bits,
      groupSize: flags['group-size'],
      mtpBits: flags['mtp-bits'] ?? flags.bits,
      signal: this.signal,
      onProgress: ({ tensor, doneBytes, totalBytes }) => progress.update(doneBytes, totalBytes, tensor),
    }).finally(() => progress.clear());
    const { folder, bytes, mtp } = result;
    this.log(`${folder}: ${(bytes / 1e6).toFixed(1)} MB, ${mtp ? 'with' : 'without'} MTP head`);
    return result;
  }
}
