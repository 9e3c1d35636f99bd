import { z } from 'zod';
import { engineBackends } from './backends.ts';

/**
 * `mtplx_runtime.json`, the runtime contract of a model folder. The required keys are those of the original (MTPLX in
 * Python), whose contracts parse too; ours say besides what was verified, with what, and what it gave.
 */

const text = z.string().min(1);
const share = z.number().min(0).max(1);
const rate = z.number().min(0);

/** Profiles of the original, with their aliases. */
export const knownProfiles = [
  'stable',
  'safe',
  'long_response_exact_staged',
  'performance-cold',
  'native-mtp-60',
  'native_mtp_60_cold',
  'exact',
  'max-diagnostic',
  'max',
  'max_diagnostic',
  'sustained',
  'native_mtp_sustained',
] as const;

const filter = z.looseObject({
  temperature: z.number().min(0).optional(),
  top_p: z.number().gt(0).max(1).optional(),
  top_k: z.int().min(0).optional(),
});

const section = z.looseObject({
  /** passed, or a word that withholds the badge: failed, pending, candidate … */
  status: z.string().optional(),
  public_release_blocker: z.boolean().optional(),
});

/** What the original requires; everything else it keeps as it is. */
export const originalSchema = z.looseObject({
  mtplx_version: text,
  arch_id: text,
  mtp_depth_max: z.int().min(1),
  recommended_profile: z.enum(knownProfiles),
  exactness_baseline: section,
  verified_on: z.looseObject({}),
  recommended_draft_lm_head: z
    .looseObject({
      bits: z.int().min(1),
      group_size: z.int().min(1).optional(),
      mode: z.enum(['affine', 'symmetric']).optional(),
    })
    .optional(),
  recommended_draft_sampler: filter.optional(),
  sampler: filter.optional(),
  speed_evidence: section.extend({ verdict: z.string().optional() }).optional(),
});

const figure = z.union([z.number(), z.string(), z.boolean(), z.null(), z.array(z.number())]);

const gateSchema = z.strictObject({
  gate: text,
  status: z.enum(['passed', 'failed', 'absent']),
  /** Cases that had to pass, and negative controls that had to fail. */
  cases: z.int().min(0),
  controls: z.int().min(0),
  figures: z.record(z.string(), figure),
  /** Why it failed or says nothing about this model. */
  problem: z.string().nullable(),
});

const sampler = z.strictObject({ temperature: z.number().min(0), top_p: share, top_k: z.int().min(0) });

/** A contract that `mtplx verify` wrote. */
export const contractSchema = z
  .strictObject({
    mtplx_version: text.describe('version of the program that wrote the contract'),
    arch_id: text.describe('family of the model, as the original names it'),
    mtp_depth_max: z.int().min(1).describe('deepest draft whose texts were compared with plain decoding'),
    recommended_profile: z.enum(knownProfiles),
    exactness_baseline: z
      .strictObject({
        gate: text,
        context: z.int().min(0),
        max_abs_diff: z.number().min(0),
        status: z.enum(['passed', 'failed']),
        evidence: text,
      })
      .describe('rows of a verification against single steps'),
    verified_on: z.strictObject({
      timestamp: z.iso.datetime(),
      hardware: text,
      machine_arch: text,
      os: text,
      model: text,
      sampler,
    }),

    contract_version: z.literal(1).describe('version of the keys from here on'),
    status: z.enum(['verified', 'failed']),
    scale: text.describe('how much was run: quick, least, reduced, standard, full'),
    model_hash: z
      .string()
      .length(64)
      .describe('the checkpoint; with backend and numerics_version what the contract holds for'),
    backend: z.enum(engineBackends),
    numerics_version: z.int().min(1).describe('grows when the bits of a logit or a draw may change'),
    kernel_build: z.strictObject({ mlx: text, isa: text, threads: z.int().min(1), compiler: text }),
    source: z.strictObject({ commit: z.string().nullable(), dirty: z.boolean().nullable() }),
    gates: z.array(gateSchema).min(1),
    sampler,
    acceptance_by_depth: z
      .record(z.string(), z.strictObject({ per_step: z.array(share), accepted_length: rate, cycles: z.int().min(0) }))
      .describe('drafts emitted at each position / cycles, for each depth'),
    speed_evidence: z.strictObject({
      suite: text,
      suite_sha256: z.string().length(64),
      prompts: z.int().min(1),
      max_tokens: z.int().min(1),
      ar_tok_s: rate,
      mtp_tok_s: rate,
      speedup_vs_ar: rate,
      speedup_interval: z.tuple([rate, rate]).describe('95 %, bootstrap over prompts'),
      mtp_depth: z.int().min(1),
      by_depth: z.record(z.string(), rate).describe('ratio over plain decoding, by depth'),
    }),
    recommended_depth: z.int().min(0).max(8).describe('0: plain decoding is fastest here'),
  })
  .meta({ title: 'mtplx_runtime.json', description: 'Runtime contract of a model folder, as mtplx verify writes it' });

export type Contract = z.infer<typeof contractSchema>;
export type ContractGate = z.infer<typeof gateSchema>;
export type OriginalContract = z.infer<typeof originalSchema>;

export const contractName = 'mtplx_runtime.json';

/** What stands in a file: a contract of ours, one of the original, or neither, with the reason. */
export type ContractReading =
  | { kind: 'absent' }
  | { kind: 'invalid'; reason: string }
  | { kind: 'original'; contract: OriginalContract; blocker: string | null }
  | { kind: 'ours'; contract: Contract };

/** Reads the text of a contract; never throws. */
export function parseContract(source: string): ContractReading {
  let json: unknown;
  try {
    json = JSON.parse(source);
  } catch (error) {
    return { kind: 'invalid', reason: `it is not JSON (${(error as Error).message})` };
  }
  const original = originalSchema.safeParse(json);
  if (!original.success) return { kind: 'invalid', reason: reasonOf(original.error) };
  if (!('contract_version' in original.data))
    return { kind: 'original', contract: original.data, blocker: blockerOf(original.data) };
  const ours = contractSchema.safeParse(json);
  return ours.success ? { kind: 'ours', contract: ours.data } : { kind: 'invalid', reason: reasonOf(ours.error) };
}

/** Missing keys by name, else the first key that is wrong. */
function reasonOf({ issues }: z.ZodError): string {
  const missing = issues.filter(
    (issue) => issue.code === 'invalid_type' && issue.path.length === 1 && issue.message.includes('received undefined'),
  );
  if (missing.length > 0) return `it lacks ${missing.map(({ path }) => String(path[0])).join(', ')}`;
  const [first] = issues;
  const key = first!.path.join('.');
  return key === '' ? first!.message : `${key}: ${first!.message}`;
}

const blockers = [
  'candidate',
  'failed',
  'fail',
  'failing',
  'pending',
  'blocked',
  'blocker',
  'needs_repair',
  'needs_reverify',
  'unverified',
];
const blockingPrefix = /^(?:candidate|fail|pending|blocked|blocker|needs|unverified)_/;
const losingVerdicts = ['mtp_acceptance_collapsed', 'no_mtp_depth_beat_ar', 'no_quality_passed_mtp_depth_beat_ar'];

/** Why the original withholds its badge from a contract of its own; null when it does not. */
function blockerOf({ exactness_baseline, speed_evidence }: OriginalContract): string | null {
  for (const [name, part] of Object.entries({ exactness_baseline, speed_evidence })) {
    if (part === undefined) continue;
    const { status, public_release_blocker } = part;
    if (public_release_blocker) return `${name} blocks a release`;
    if (status !== undefined && (blockers.includes(status) || blockingPrefix.test(status)))
      return `${name} is ${status}`;
  }
  const verdict = speed_evidence?.verdict;
  return verdict !== undefined && losingVerdicts.includes(verdict) ? `speed_evidence says ${verdict}` : null;
}

/** The schema of our contracts as JSON Schema; docs/mtplx_runtime.schema.json holds it. */
export function contractJsonSchema(): object {
  return z.toJSONSchema(contractSchema);
}
