import type { ReplayDocument } from '../../harness/experiments/replay.ts';

/** What a replay found, for a reader. */
export function replayReport(document: ReplayDocument): string {
  const { recorded, replayed, tokens, logit_hashes, rate, verdict } = document;
  return [
    `${document.experiment}: ${recorded.folder} and ${replayed.folder}`,
    place('recorded', recorded),
    place('replayed', replayed),
    sameness('token ids', tokens),
    sameness('logit hashes', logit_hashes),
    `speed, replayed ÷ recorded: ${rate.ratio.toFixed(3)} (95 % interval ${rate.low.toFixed(3)} … ${rate.high.toFixed(3)}, ${rate.units} units)`,
    verdictText(verdict, recorded.numerics_version === replayed.numerics_version),
  ].join('\n');
}

function place(name: string, { cpu, isa, mtplx, commit, numerics_version }: ReplayDocument['recorded']): string {
  const source = commit === null ? mtplx : `${mtplx} at ${commit.slice(0, 12)}`;
  return `${name}: ${cpu}${isa === null ? '' : ` (${isa})`}, mtplx ${source}, numerics ${numerics_version}`;
}

function sameness(name: string, found: ReplayDocument['tokens']): string {
  if (found === null) return `${name}: the record has none`;
  if (found.equal) return `${name}: equal in all ${found.rows} rows`;
  return `${name}: ${found.differing_rows} OF ${found.rows} ROWS DIFFER; first in ${found.first_difference}`;
}

function verdictText(verdict: ReplayDocument['verdict'], sameNumerics: boolean): string {
  if (verdict === 'identical') return 'identical';
  if (verdict === 'different') return 'DIFFERENT: the same numerics version must give the same bits';
  return sameNumerics
    ? 'not comparable: the record has no tokens'
    : 'not comparable: the numerics versions differ, so token ids and logit hashes may differ';
}
