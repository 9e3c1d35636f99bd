import { z } from 'zod';
import type { Figure, LabelledRecord } from './figure.ts';
import { panelOf, stackedByDepth } from './panels.ts';

const names = {
  matmul: 'matmul',
  gdn: 'GDN',
  attention: 'attention',
  other_kernels: 'other kernels',
  engine_overhead: 'engine, outside kernels',
  hop: 'hop to the engine and back',
  typescript: 'TypeScript',
};
const parts = Object.keys(names) as (keyof typeof names)[];

/** What of a breakdown's result is drawn: the shares of each depth with each number of threads. */
const resultSchema = z.object({
  rows: z.array(z.object({ threads: z.number(), depth: z.number(), share: z.record(z.enum(parts), z.number()) })),
});

export const cycleShares: Figure = {
  name: 'cycle-shares',
  title: 'Shares of a cycle',
  caption:
    'Which share of a cycle its parts take, from medians over the cycles: kernels by kind, the engine outside kernels, the way between TypeScript and the engine and back, and the decision in TypeScript.',
  spec: (records) => {
    const shares = records.flatMap(sharesOf);
    if (shares.length === 0) return null;
    const domain = parts.map((part) => names[part]);
    // Sums a little above 1 would make the axis end at 110 %.
    const axis = { title: 'share of a cycle', format: '.0%', range: [0, 1] as [number, number] };
    return stackedByDepth(cycleShares.title, shares, domain, axis);
  },
};

function sharesOf({ label, result }: LabelledRecord) {
  const { data } = resultSchema.safeParse(result);
  return (data?.rows ?? []).flatMap(({ threads, depth, share }) => {
    const panel = panelOf(label, `${threads} thread${threads === 1 ? '' : 's'}`);
    return parts.map((part) => ({ panel, depth, part: names[part], value: share[part] }));
  });
}
