import { BaseCommand } from '../../base-command.ts';
import type { RunEntry } from '../../../harness/experiments/listing.ts';

export default class Runs extends BaseCommand {
  static override summary = 'List the runs of experiments under ./mtplx-runs.';
  static override description = `Name, start, model, commit (with * when files differed from it), state, and the result in a few words.`;

  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --json'];

  async run(): Promise<RunEntry[]> {
    await this.parse(Runs);
    const { listRuns, runsFolder } = await import('../../../harness/experiments/folder.ts');
    const { runEntry } = await import('../../../harness/experiments/listing.ts');
    const { knownView } = await import('../../views/index.ts');
    const { runsTable } = await import('../../terminal/runs-table.ts');
    const { runs, broken } = await listRuns(runsFolder);
    const entries: RunEntry[] = [];
    for (const run of runs)
      entries.push(await runEntry(run, (await knownView(run.description.experiment))?.experiment ?? null));
    this.log(entries.length > 0 ? runsTable(entries) : `There are no runs under ./${runsFolder}.`);
    for (const { message } of broken) this.logToStderr(`Not readable: ${message}`);
    return entries;
  }
}
