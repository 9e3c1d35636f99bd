import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packageRoot } from '../../runtime/package.ts';
import { gateTokens } from './gate.ts';

const suiteFile = join(packageRoot, 'harness/suites/cold-long-code-192.json');

/**
 * The ids that the gates feed: the suite's prompts one after the other, so that they are text of the kind that a model
 * is used on and no model's own.
 * @throws RangeError when a tokenizer makes fewer than `gateTokens` of it
 */
export async function gateText(encode: (text: string) => Promise<Int32Array>): Promise<Int32Array> {
  const { prompts } = JSON.parse(await readFile(suiteFile, 'utf8')) as { prompts: { lines: string[] }[] };
  const tokens = await encode(prompts.map(({ lines }) => lines.join('\n')).join('\n\n'));
  if (tokens.length < gateTokens) {
    throw new RangeError(`The gates need ${gateTokens} tokens; the suite's text has ${tokens.length}.`);
  }
  return tokens;
}
