import type { DocumentHeader } from '../../harness/header.ts';
import type { Estimate, Interval } from '../../harness/intervals.ts';
import type { Column } from './table.ts';

/** Lines and cells that the reports of measurements share. */

/** Suite, model and sampler. */
export function suiteLines({ suite, spec_version, prompts, max_tokens, sampler, model }: DocumentHeader): string[] {
  const { temperature, top_p, top_k } = sampler;
  return [
    `${suite} (spec ${spec_version}): ${prompts} prompts, ${max_tokens} new tokens`,
    `${model.name}, T ${temperature}, top-p ${top_p}, top-k ${top_k}`,
  ];
}

/** Machine, versions and where the rows are. */
export function machineLines({ machine, engine, commit, dirty, mtplx, arrow_file }: DocumentHeader): string[] {
  const source = commit === null ? mtplx : `${mtplx} at ${commit.slice(0, 12)}${dirty ? ', changed' : ''}`;
  const load = machine.load_average.map((value) => value.toFixed(2)).join(' ');
  const memory = (machine.memory_bytes / 2 ** 30).toFixed(1);
  return [
    `${machine.cpu}, ${machine.usable_cores} of ${machine.cores} cores, ${memory} GiB, ${machine.os} ${machine.arch}, governor ${machine.governor ?? 'unknown'}, load ${load}`,
    `mtplx ${source}, MLX ${engine.mlx} ${engine.backend} ${engine.isa}, threads ${engine.threads}, Node ${machine.node}`,
    `rows in ${arrow_file}`,
  ];
}

/** A first column of names, then numbers. */
export function numberColumns(first: string, rest: readonly string[]): Column[] {
  return [{ heading: first }, ...rest.map((heading) => ({ heading, numeric: true }))];
}

export const times = (value: number): string => `${value.toFixed(2)}×`;
export const percent = (share: number): string => (share * 100).toFixed(0);
/** `1.62 to 1.75` */
export const between = ({ low, high }: Interval, digits = 2): string =>
  `${low.toFixed(digits)} to ${high.toFixed(digits)}`;
/** `83 (81–85)`, hundredths. */
export const shareCell = ({ value, low, high }: Estimate): string =>
  `${percent(value)} (${percent(low)}–${percent(high)})`;
