import { mkdir, readFile } from 'node:fs/promises';
import { arch, availableParallelism, cpus, machine } from 'node:os';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { writeAtomic, writeError } from '../atomic-file.ts';
import { MtplxError } from '../errors.ts';
import { settingsFolder } from './home.ts';

const milliseconds = z.number().gt(0);
const share = z.number().min(0).max(1);

/** What a tuning holds for: another model, machine or way of running has another best depth. */
const tuningKey = z.strictObject({
  /** See runtime/model/hash.ts. */
  model_hash: z.string().length(64),
  /** Bits of a draft head; null: drafts go through the model's own. */
  draft_head: z.union([z.literal(3), z.literal(4)]).nullable(),
  machine: z.strictObject({ cpu: z.string(), cores: z.int().min(1), arch: z.string() }),
  backend: z.string(),
  isa: z.string(),
  threads: z.int().min(1),
});

const tuningSchema = tuningKey.extend({
  model_name: z.string(),
  /** Recommended drafts a cycle; 0: plain decoding is faster. */
  depth: z.int().min(0).max(8),
  /** A cycle at depth 0, 1, …, as fitted. */
  cycle_ms: z.array(milliseconds).min(2).max(9),
  /** Drafts accepted at position 1, 2, …, given the one before. */
  acceptance: z.array(share).min(1).max(8),
  /** Measured tokens a second at depth 0, 1, …. */
  tok_s: z.array(z.number().min(0)),
  suite: z.string(),
  mtplx: z.string(),
  measured: z.iso.datetime(),
});

const profileSchema = z.strictObject({ profile_version: z.literal(1), tunings: z.array(tuningSchema) });

export type TuningKey = z.infer<typeof tuningKey>;
export type Tuning = z.infer<typeof tuningSchema>;
export type Profile = z.infer<typeof profileSchema>;

/** Where the user's profile lies. */
export function profileFile(): string {
  return join(settingsFolder(), 'profile.json');
}

/** This machine, as far as it decides what a cycle costs. */
export function thisMachine(): TuningKey['machine'] {
  return { cpu: cpus()[0]?.model.trim() ?? machine(), cores: availableParallelism(), arch: arch() };
}

/** The profile; an empty one where there is no file. @throws MtplxError MTPLX_E_PROFILE_BROKEN */
export async function readProfile(file: string = profileFile()): Promise<Profile> {
  try {
    return profileSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (cause) {
    if (['ENOENT', 'ENOTDIR'].includes((cause as NodeJS.ErrnoException).code ?? ''))
      return { profile_version: 1, tunings: [] };
    const problem = cause instanceof z.ZodError ? z.prettifyError(cause) : (cause as Error).message;
    throw new MtplxError('MTPLX_E_PROFILE_BROKEN', { file, problem }, { cause });
  }
}

/** The tuning that holds for `key`; null without one. */
export function findTuning({ tunings }: Profile, key: TuningKey): Tuning | null {
  const wanted = keyText(key);
  return tunings.find((tuning) => keyText(tuning) === wanted) ?? null;
}

/** The profile with this tuning in place of one for the same key. */
export function withTuning(profile: Profile, tuning: Tuning): Profile {
  const key = keyText(tuning);
  return { ...profile, tunings: [...profile.tunings.filter((other) => keyText(other) !== key), tuning] };
}

/**
 * Writes a tuning into the profile: whole or not at all.
 * @throws MtplxError MTPLX_E_PROFILE_BROKEN for a file that is there and cannot be understood, MTPLX_E_UNWRITABLE,
 *   MTPLX_E_DISK_FULL
 */
export async function saveTuning(tuning: Tuning, file: string = profileFile()): Promise<void> {
  const profile = withTuning(await readProfile(file), tuningSchema.parse(tuning));
  await mkdir(dirname(file), { recursive: true }).catch((cause: unknown) => {
    throw writeError(file, cause);
  });
  await writeAtomic(file, `${JSON.stringify(profile, null, 2)}\n`);
}

function keyText({ model_hash, draft_head, machine: { cpu, cores, arch: cpuArch }, backend, isa, threads }: TuningKey) {
  return JSON.stringify([model_hash, draft_head, cpu, cores, cpuArch, backend, isa, threads]);
}
