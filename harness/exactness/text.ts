import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { packageRoot } from '../../runtime/package.ts';
import { loadSuite, promptText } from '../suites/suite.ts';
import { gateTokens } from './gate.ts';

const heldOutFile = join(packageRoot, 'harness/exactness/held-out.json');
const heldOutSchema = z.strictObject({ description: z.string(), lines: z.array(z.string()) });

/**
 * The ids that the gates feed: the suite's prompts one after the other, then sources of this repository, so that they
 * are text of the kind that a model is used on and no model's own.
 * @throws RangeError when a tokenizer makes fewer than `gateTokens` of it
 */
export async function gateText(encode: (text: string) => Promise<Int32Array>): Promise<Int32Array> {
  const { prompts } = await loadSuite('cold-long-code-192');
  const { lines } = heldOutSchema.parse(JSON.parse(await readFile(heldOutFile, 'utf8')));
  const tokens = await encode([...prompts.map(promptText), lines.join('\n')].join('\n\n'));
  if (tokens.length < gateTokens) {
    throw new RangeError(`The gates need ${gateTokens} tokens; their text has ${tokens.length}.`);
  }
  return tokens;
}
