import { median, ratio, sum } from '../averages.ts';
import { bootstrap, type Estimate, meanRateRatio, type Rate, totalRateRatio } from '../intervals.ts';
import type { CompareDocument } from './document.ts';
import { type CompareRow, serverArm } from './rows.ts';

export type CompareSummary = Pick<CompareDocument, 'arms' | 'peak_rss_bytes'> & {
  server: Omit<CompareDocument['server'], 'command'>;
};

type Speeds = Pick<CompareDocument['arms'][number], 'tok_s' | 'whole_tok_s' | 'ttft_ms' | 'generations' | 'new_tokens'>;

/** What the generations of a comparison say; definitions stand at the fields of document.ts. */
export function summariseComparison(rows: readonly CompareRow[], seed: number): CompareSummary {
  const server = rows.filter(({ arm }) => arm === serverArm);
  const own = rows.filter(({ arm }) => arm !== serverArm);
  const [first] = server as [CompareRow];
  const over = (generations: readonly CompareRow[], rate: (row: CompareRow) => Rate, statistic: typeof meanRateRatio) =>
    ratioOver(generations, server, { rate, statistic, seed });
  return {
    server: {
      endpoint: first.endpoint as CompareDocument['server']['endpoint'],
      counted: server.some(({ counted }) => counted === 'text') ? 'text' : 'server',
      ...speedsOf(server),
      peak_rss_bytes: server.some((row) => row.peak_rss_bytes === null) ? null : peak(server),
      other_prompts: otherPrompts(server, own),
    },
    arms: [...Map.groupBy(own, ({ arm }) => arm)]
      .map(([name, generations]) => ({
        name,
        depth: generations[0]!.depth!,
        ...speedsOf(generations),
        ratio: over(generations, decodingRate, meanRateRatio),
        ratio_of_totals: over(generations, decodingRate, totalRateRatio),
        whole_ratio: over(generations, wholeRate, meanRateRatio),
      }))
      .toSorted((a, b) => a.depth - b.depth),
    peak_rss_bytes: peak(own),
  };
}

function decodingRate({ new_tokens, first_ms, last_ms }: CompareRow): Rate {
  return { tokens: new_tokens - 1, ms: last_ms - first_ms };
}

function wholeRate({ new_tokens, last_ms }: CompareRow): Rate {
  return { tokens: new_tokens, ms: last_ms };
}

function speedsOf(generations: readonly CompareRow[]): Speeds {
  const perSecond = (of: (row: CompareRow) => Rate): number => {
    const rates = generations.map(of);
    return ratio(sum(rates.map(({ tokens }) => tokens)), sum(rates.map(({ ms }) => ms)) / 1000);
  };
  const counts = generations.map(({ new_tokens }) => new_tokens);
  return {
    tok_s: perSecond(decodingRate),
    whole_tok_s: perSecond(wholeRate),
    ttft_ms: median(generations.map(({ first_ms }) => first_ms)),
    generations: generations.length,
    new_tokens: [Math.min(...counts), Math.max(...counts)],
  };
}

/** Pairs of one prompt and repeat, by prompt. */
function ratioOver(
  generations: readonly CompareRow[],
  server: readonly CompareRow[],
  { rate, statistic, seed }: { rate: (row: CompareRow) => Rate; statistic: typeof meanRateRatio; seed: number },
): Estimate {
  const key = ({ run, prompt }: CompareRow): string => `${run}/${prompt}`;
  const bases = new Map(server.map((row) => [key(row), row]));
  const clusters = Map.groupBy(generations, ({ prompt }) => prompt);
  const pairs = [...clusters.values()].map((rows) =>
    rows.map((row) => ({ arm: rate(row), base: rate(bases.get(key(row))!) })),
  );
  return bootstrap(pairs, statistic, { seed });
}

function otherPrompts(server: readonly CompareRow[], own: readonly CompareRow[]): string[] {
  const ours = new Map(own.map(({ prompt, prompt_tokens }) => [prompt, prompt_tokens]));
  const words = server
    .filter(({ prompt, prompt_tokens }) => prompt_tokens !== null && prompt_tokens !== ours.get(prompt))
    .map(({ prompt, prompt_tokens }) => `${prompt} has ${prompt_tokens} tokens there and ${ours.get(prompt)} here`);
  return [...new Set(words)];
}

function peak(rows: readonly CompareRow[]): number {
  return rows.reduce((most, row) => Math.max(most, row.peak_rss_bytes ?? 0), 0);
}
