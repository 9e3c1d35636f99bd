import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { MtplxError } from '../../runtime/errors.ts';
import { packageRoot } from '../../runtime/package.ts';

const filter = z.strictObject({
  /** 0: the argmax. */
  temperature: z.number().min(0),
  top_p: z.number().gt(0).max(1),
  /** 0: no cut. */
  top_k: z.int().min(0),
});

export const suiteSchema = z.strictObject({
  name: z.string(),
  /** Grows with every change of prompts or settings: results of two versions must not be compared. */
  spec_version: z.int().min(1),
  description: z.string(),
  settings: z.strictObject({
    max_tokens: z.int().min(2),
    ignore_stop_tokens: z.boolean(),
    chat_template: z.boolean(),
    /** New tokens of each arm before anything is measured. */
    warm_up_tokens: z.int().min(2),
    acceptance: z.enum(['leviathan', 'coupled']),
    sampler: filter,
    draft_sampler: filter,
  }),
  prompts: z
    .array(z.strictObject({ id: z.string().min(1), language: z.string(), lines: z.array(z.string()).min(1) }))
    .min(1)
    .refine((prompts) => new Set(prompts.map(({ id }) => id)).size === prompts.length, 'prompt ids repeat'),
});

export type SuiteFile = z.infer<typeof suiteSchema>;
export type SuiteFilter = z.infer<typeof filter>;

export type SuitePrompt = SuiteFile['prompts'][number];

export interface Suite extends SuiteFile {
  /** sha256 (hex) of the suite's file, which frozen.json holds too. */
  sha256: string;
}

const folder = join(packageRoot, 'harness/suites');
const frozenFile = join(folder, 'frozen.json');

/** sha256 of every suite's file, by name. Written before the suite's first measurement and never changed alone. */
export async function frozenSuites(): Promise<Record<string, string>> {
  return z.record(z.string(), z.string()).parse(JSON.parse(await readFile(frozenFile, 'utf8')));
}

export function suiteFile(name: string): string {
  return join(folder, `${name}.json`);
}

/**
 * Prompts and settings of a suite by its name.
 * @throws MtplxError MTPLX_E_SUITE_UNKNOWN; MTPLX_E_FILE_BROKEN for a file that is not the frozen one
 */
export async function loadSuite(name: string): Promise<Suite> {
  const frozen = await frozenSuites();
  if (!Object.hasOwn(frozen, name))
    throw new MtplxError('MTPLX_E_SUITE_UNKNOWN', { suite: name, known: Object.keys(frozen).join(', ') });
  const file = suiteFile(name);
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new MtplxError('MTPLX_E_FILE_BROKEN', { file, problem: (cause as Error).message }, { cause });
  });
  return parseSuite(bytes, file, frozen[name]!);
}

/** @throws MtplxError MTPLX_E_FILE_BROKEN when the hash differs or the content is no suite */
export function parseSuite(bytes: Uint8Array, file: string, frozen: string): Suite {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  if (sha256 !== frozen)
    throw new MtplxError('MTPLX_E_FILE_BROKEN', {
      file,
      problem: `its sha256 is ${sha256}, the suite was frozen as ${frozen}`,
    });
  const parsed = suiteSchema.safeParse(JSON.parse(Buffer.from(bytes).toString('utf8')));
  if (!parsed.success) throw new MtplxError('MTPLX_E_FILE_BROKEN', { file, problem: z.prettifyError(parsed.error) });
  return { ...parsed.data, sha256 };
}

/** The text of a prompt: its lines joined, with no newline at the end, so that the tokenizer splits none of the model's. */
export function promptText(prompt: SuitePrompt): string {
  return prompt.lines.join('\n');
}
