import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../base-command.ts';

export default class Report extends BaseCommand {
  static override summary = 'Render a run, or compare several, as Markdown with figures.';
  static override description = `Writes report.md and one SVG and PNG a figure; which figures depends on what the runs recorded. The same runs give
the same bytes. One run goes to its own folder, a comparison to ./mtplx-runs, unless --out says otherwise.`;

  static override examples = [
    '<%= config.bin %> <%= command.id %> 2026-11-24T17-30-05-bench-cold-long-code-192',
    '<%= config.bin %> <%= command.id %> before/ after/ --out comparison',
  ];

  static override strict = false;
  static override args = {
    run: Args.string({ description: 'names of runs under ./mtplx-runs, or their folders', required: true }),
  };

  static override flags = {
    out: Flags.string({ description: 'folder for the report', helpValue: '<dir>' }),
  };

  async run(): Promise<{ out: string; files: string[] }> {
    const { argv, flags } = await this.parse(Report);
    const { createRunFolder, findRun, runsFolder } = await import('../../harness/experiments/folder.ts');
    const { reportFolder, writeReport } = await import('../../reports/report.ts');
    const { MtplxError } = await import('../../runtime/errors.ts');
    const folders: string[] = [];
    for (const name of argv as string[]) {
      const { folder, state } = await findRun(name);
      if (state !== 'complete')
        throw new MtplxError('MTPLX_E_RUN_MISMATCH', { problem: `${name} is ${state}; finish it: mtplx runs resume` });
      folders.push(folder);
    }
    const own = folders.length === 1 ? reportFolder(folders[0]!) : undefined;
    const out = flags.out ?? own ?? (await createRunFolder(runsFolder, 'report', new Date()));
    const files = await writeReport(folders, out);
    this.log(files.join('\n'));
    return { out, files };
  }
}
