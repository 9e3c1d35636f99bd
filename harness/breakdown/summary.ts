import { z } from 'zod';
import { median } from '../averages.ts';
import type { CycleSample } from './cycles.ts';
import type { BreakdownDocument, BreakdownSetting } from './document.ts';
import { cycleMedians } from './medians.ts';
import type { BreakdownRow } from './rows.ts';
import { cycleParts, shares } from './shares.ts';

const number = z.number();

const readRow = z.object({ threads: number, bytes_per_s: number, step_bytes: number, draft_bytes: number });

const engineRow = z.object({
  threads: number,
  depth: number,
  prompt_tokens: number,
  wall_ns: number,
  engine_ns: number,
  commit_ns: number,
  draft_ns: number,
  verify_ns: number,
  candidates_ns: number,
  kernels: z.array(z.string()),
  kernel_ns: z.array(number),
  kernel_calls: z.array(number),
} satisfies Record<keyof CycleSample, z.ZodType> & Record<string, z.ZodType>);

const decisionRow = z.object({ threads: number, depth: number, decision_ns: number });

type Measured = Pick<BreakdownDocument, 'prompt_tokens' | 'step_bytes' | 'draft_bytes' | 'rows'>;

/** What the rows of a whole run say, threads and depths in the order in which they ran. */
export function summariseBreakdown(rows: readonly BreakdownRow[]): Measured {
  const of = <T>(kind: string, schema: z.ZodType<T>): T[] =>
    rows.filter((row) => row.kind === kind).map((row) => schema.parse(row));
  const reads = of('read', readRow);
  const cycles = of('engine', engineRow);
  const decisions = of('decision', decisionRow);
  const { step_bytes, draft_bytes } = reads[0]!;
  const settings = Map.groupBy(cycles, ({ threads, depth }) => `${threads}/${depth}`);
  return {
    prompt_tokens: cycles[0]!.prompt_tokens,
    step_bytes,
    draft_bytes,
    rows: [...settings.values()].map((own): BreakdownSetting => {
      const { threads, depth } = own[0]!;
      const beside = decisions.filter((row) => row.threads === threads && row.depth === depth);
      const medians = cycleMedians(own);
      const us = cycleParts(medians, median(beside.map(({ decision_ns }) => decision_ns)) / 1e3);
      // The best pass: whatever else the machine did only made one slower.
      const rate = Math.max(...reads.filter((row) => row.threads === threads).map(({ bytes_per_s }) => bytes_per_s));
      return {
        threads,
        depth,
        cycle_us: medians.wall + us.typescript,
        us,
        share: shares(us),
        read_bytes_per_s: rate,
        bound_us: ((step_bytes + depth * draft_bytes) / rate) * 1e6,
        kernels: medians.byKernel,
      };
    }),
  };
}
