import type { Model } from '../../runtime/index.ts';
import { MtplxError } from '../../runtime/errors.ts';
import { promptText, type Suite } from '../suites/suite.ts';

/** Token ids of a suite's prompts. @throws MtplxError MTPLX_E_PROMPT_TOO_LONG, MTPLX_E_CHAT_TEMPLATE */
export async function encodePrompts(
  { settings, prompts }: Pick<Suite, 'settings' | 'prompts'>,
  model: Pick<Model, 'encode' | 'folder'>,
): Promise<Int32Array[]> {
  const { max_tokens, chat_template } = settings;
  const limit = model.folder.config.maxPositions ?? Infinity;
  return Promise.all(
    prompts.map(async (prompt) => {
      const text = promptText(prompt);
      const tokens = await model.encode(chat_template ? [{ role: 'user', content: text }] : text);
      if (tokens.length + max_tokens > limit)
        throw new MtplxError('MTPLX_E_PROMPT_TOO_LONG', { tokens: tokens.length, limit: limit - max_tokens });
      return tokens;
    }),
  );
}
