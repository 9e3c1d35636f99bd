import type { ArmResult, BenchDocument } from '../../harness/bench/document.ts';
import { type Column, table } from './table.ts';

/** The result of `bench run` for a reader: speeds, acceptance by position, times of a cycle, where it was taken. */
export function benchReport(document: BenchDocument): string {
  const { arms, acceptance } = document;
  const drafting = arms.filter(({ depth }) => depth > 0);
  return [
    heading(document),
    speeds(arms),
    drafting.length > 0 ? acceptanceTable(drafting) : '',
    cycleTable(arms),
    verdict(document),
    coupledLine(document, acceptance),
    machineLines(document),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

function heading({
  suite,
  spec_version,
  prompts,
  max_tokens,
  runs,
  seed,
  acceptance,
  sampler,
  model,
}: BenchDocument): string {
  const { temperature, top_p, top_k } = sampler;
  return [
    `${suite} (spec ${spec_version}): ${prompts} prompts, ${max_tokens} new tokens, runs ${runs}, seed ${seed}`,
    `${model.name}, acceptance ${acceptance}, T ${temperature}, top-p ${top_p}, top-k ${top_k}`,
  ].join('\n');
}

function speeds(arms: readonly ArmResult[]): string {
  const columns = numbers('arm', ['tok/s', 'TTFT ms', 'mean ratio', 'from … to', 'of totals', 'projected', 'coupled']);
  return table(
    columns,
    arms.map((arm) => [
      arm.name,
      arm.tok_s.toFixed(1),
      arm.ttft_ms.toFixed(1),
      times(arm.speedup_vs_ar),
      `${arm.speedup_range[0].toFixed(2)} … ${arm.speedup_range[1].toFixed(2)}`,
      times(arm.speedup_of_totals),
      times(arm.projected_speedup),
      arm.coupled ? times(arm.coupled.speedup_vs_ar) : '–',
    ]),
  );
}

function acceptanceTable(arms: readonly ArmResult[]): string {
  const deepest = Math.max(...arms.map(({ depth }) => depth));
  const positions = Array.from({ length: deepest }, (_, i) => `${i + 1}`);
  const columns = numbers('arm', ['accepted length', 'accepted / drafted %', ...positions]);
  const rows = arms.map((arm) => [
    arm.name,
    arm.accepted_length.toFixed(2),
    hundredths(arm.acceptance_rate),
    ...positions.map((_, i) => {
      const [step, conditional] = [arm.acceptance_per_step[i], arm.acceptance_conditional[i]];
      return step === undefined || conditional === undefined ? '' : `${hundredths(step)} (${hundredths(conditional)})`;
    }),
  ]);
  return `${table(columns, rows)}\nAt position i, %: accepted at i / cycles (accepted at i / accepted at i - 1).`;
}

function cycleTable(arms: readonly ArmResult[]): string {
  const columns = numbers('ms a cycle', [
    'draft',
    'verify',
    'commit',
    'candidates',
    'engine, rest',
    'TypeScript, hop',
    'whole',
    'verify / step',
  ]);
  const rows = arms.map((arm) => [
    arm.name,
    ...[
      arm.draft_ms,
      arm.verify_ms,
      arm.commit_ms,
      arm.candidates_ms,
      arm.overhead_ms,
      arm.outside_ms,
      arm.cycle_ms,
    ].map((ms) => ms.toFixed(2)),
    times(arm.verify_over_step),
  ]);
  return `${table(columns, rows)}\nMedians; phases are time inside kernels.`;
}

function verdict({ best_arm, mean_speedup_vs_ar, speedup_of_totals, projected_speedup }: BenchDocument): string {
  if (mean_speedup_vs_ar === null || speedup_of_totals === null || projected_speedup === null)
    return `best arm ${best_arm}`;
  return `best arm ${best_arm}; mean_speedup_vs_ar ${times(mean_speedup_vs_ar)} (of totals ${times(speedup_of_totals)}, accepted length ÷ cycle cost ${times(projected_speedup)})`;
}

function coupledLine({ coupled }: BenchDocument, acceptance: BenchDocument['acceptance']): string {
  if (coupled === null) return '';
  const text = coupled.same_text ? 'every arm emitted the same tokens' : `TEXTS DIFFER: ${coupled.first_difference}`;
  const ratios = `mean ratio ${times(coupled.mean_speedup_vs_ar)}, of totals ${times(coupled.speedup_of_totals)}`;
  return `coupled${acceptance === 'coupled' ? '' : `, runs ${coupled.runs}`}: ${ratios}; ${text}`;
}

function machineLines({
  machine,
  engine,
  backend,
  peak_rss_bytes,
  commit,
  dirty,
  mtplx,
  arrow_file,
}: BenchDocument): string {
  const source = commit === null ? mtplx : `${mtplx} at ${commit.slice(0, 12)}${dirty ? ', changed' : ''}`;
  const load = machine.load_average.map((value) => value.toFixed(2)).join(' ');
  return [
    `${machine.cpu}, ${machine.usable_cores} of ${machine.cores} cores, ${gibibytes(machine.memory_bytes)} GiB, ${machine.os} ${machine.arch}, governor ${machine.governor ?? 'unknown'}, load ${load}`,
    `mtplx ${source}, MLX ${engine.mlx} ${backend} ${engine.isa}, threads ${engine.threads}, Node ${machine.node}`,
    `peak memory ${(peak_rss_bytes / 2 ** 20).toFixed(0)} MiB; rows in ${arrow_file}`,
  ].join('\n');
}

function numbers(first: string, rest: readonly string[]): Column[] {
  return [{ heading: first }, ...rest.map((heading) => ({ heading, numeric: true }))];
}

const times = (value: number): string => `${value.toFixed(2)}×`;
const hundredths = (share: number): string => (share * 100).toFixed(0);
const gibibytes = (bytes: number): string => (bytes / 2 ** 30).toFixed(1);
