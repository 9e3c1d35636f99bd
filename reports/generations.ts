import { z } from 'zod';
import { median, ratio, sum } from '../harness/averages.ts';
import { type ReportRecord, rowsWith } from './record.ts';

/** Columns of a generation's step that figures need; see harness/bench/rows.ts. */
const stepSchema = z.object({
  acceptance: z.string(),
  arm: z.string(),
  depth: z.number(),
  step: z.number(),
  at_ms: z.number(),
  tokens: z.array(z.number()),
  kind: z.string(),
  drafted: z.number().nullable(),
  accepted: z.number().nullable(),
  commit_ns: z.number().nullable(),
  draft_ns: z.number().nullable(),
  verify_ns: z.number().nullable(),
  candidates_ns: z.number().nullable(),
  engine_ns: z.number().nullable(),
  wall_ns: z.number().nullable(),
  /** Columns by which some experiments vary the setting. */
  temperature: z.number().nullish(),
  context: z.number().nullish(),
});

type Step = z.infer<typeof stepSchema>;

/** Under which setting generations were made, in words: only what differs within the record, else empty. */
export interface Setting {
  /** Of acceptance. */
  rule: string;
  temperature: string;
  /** Tokens of history. */
  context: string;
}

/** A setting in one label. */
export function settingText({ rule, temperature, context }: Setting): string {
  return [rule, temperature, context].filter((part) => part !== '').join(', ');
}

/** Generations of one arm under one setting of one record. */
export interface ArmFigures {
  setting: Setting;
  arm: string;
  depth: number;
  cycles: number;
  /** Cycles that emitted at least i drafts, i = 1 … depth. */
  acceptedAt: number[];
  /** Emitted tokens a cycle. */
  acceptedLength: number;
  /** Tokens a second after the first of each generation. */
  tokensPerSecond: number;
  /** Medians over the cycles, milliseconds. */
  ms: Record<CyclePart, number>;
  cycleMs: number;
}

export const cycleParts = ['commit', 'draft', 'verify', 'candidates', 'overhead', 'outside'] as const;
export type CyclePart = (typeof cycleParts)[number];

/** Every arm of a record, setting by setting, depths rising; none for a record without generations. */
export function armsOfRecord(record: Pick<ReportRecord, 'rows'>): ArmFigures[] {
  const rows = rowsWith(record, stepSchema);
  const settings = settingsOf(rows);
  const steps = rows.map((step, i) => ({ step, setting: settings[i]! }));
  const groups = Map.groupBy(steps, ({ step, setting }) => JSON.stringify([setting, step.arm]));
  const arms = [...groups.values()].map((group) =>
    figuresOf(
      group.map(({ step }) => step),
      group[0]!.setting,
    ),
  );
  return [...Map.groupBy(arms, ({ setting }) => settingText(setting)).values()].flatMap((own) =>
    own.toSorted((a, b) => a.depth - b.depth),
  );
}

function settingsOf(steps: readonly Step[]): Setting[] {
  const settings = steps.map(({ acceptance, temperature = null, context = null }): Setting => {
    return {
      rule: acceptance,
      temperature: temperature === null ? '' : `T ${temperature}`,
      context: context === null ? '' : `context ${context}`,
    };
  });
  const differs = (name: keyof Setting): boolean => new Set(settings.map((setting) => setting[name])).size > 1;
  const [rule, temperature, context] = [differs('rule'), differs('temperature'), differs('context')];
  return settings.map((setting) => ({
    rule: rule ? setting.rule : '',
    temperature: temperature ? setting.temperature : '',
    context: context ? setting.context : '',
  }));
}

function figuresOf(steps: readonly Step[], setting: Setting): ArmFigures {
  const { arm, depth } = steps[0]!;
  const cycles = steps.filter(({ kind }) => kind !== 'first');
  const emitted = sum(cycles.map(({ tokens }) => tokens.length));
  const acceptedAt = Array.from(
    { length: depth },
    (_, i) => cycles.filter(({ accepted, tokens }) => Math.min(accepted ?? 0, tokens.length) > i).length,
  );
  const medianMs = (of: (step: Step) => number): number => median(cycles.map(of)) / 1e6;
  return {
    setting,
    arm,
    depth,
    cycles: cycles.length,
    acceptedAt,
    acceptedLength: ratio(emitted, cycles.length),
    tokensPerSecond: ratio(emitted, decodingMs(steps) / 1000),
    ms: {
      commit: medianMs((step) => step.commit_ns ?? 0),
      draft: medianMs((step) => step.draft_ns ?? 0),
      verify: medianMs((step) => step.verify_ns ?? 0),
      candidates: medianMs((step) => step.candidates_ns ?? 0),
      overhead: medianMs((step) => (step.engine_ns ?? 0) - kernelNs(step)),
      outside: medianMs((step) => (step.wall_ns ?? 0) - (step.engine_ns ?? 0)),
    },
    cycleMs: medianMs((step) => step.wall_ns ?? 0),
  };
}

function kernelNs({ commit_ns, draft_ns, verify_ns, candidates_ns }: Step): number {
  return (commit_ns ?? 0) + (draft_ns ?? 0) + (verify_ns ?? 0) + (candidates_ns ?? 0);
}

/** Time from the first token of each generation to its last. Steps of a generation stand together, from step 0. */
function decodingMs(steps: readonly Step[]): number {
  let total = 0;
  let [first, last] = [0, 0];
  for (const { step, at_ms } of steps) {
    if (step === 0) {
      total += last - first;
      first = at_ms;
    }
    last = at_ms;
  }
  return total + last - first;
}
