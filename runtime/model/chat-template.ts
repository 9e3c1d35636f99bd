import { readFile, stat } from 'node:fs/promises';
import { Template } from '@huggingface/jinja';
import { MtplxError } from '../errors.ts';
import { isObject } from './config.ts';
import { readTokenizerConfig } from './folder.ts';
import type { ModelFolder } from './folder.ts';

export interface ChatMessage {
  role: string;
  content?: unknown;
  [key: string]: unknown;
}

export interface ChatOptions {
  addGenerationPrompt?: boolean;
  tools?: unknown[];
  /** Other variables that the template knows, such as enable_thinking. */
  variables?: Record<string, unknown>;
}

export interface ChatTemplate {
  readonly source: string;
  /** @throws MtplxError MTPLX_E_CHAT_TEMPLATE with the template's own words when it refuses the messages. */
  render(messages: ChatMessage[], options?: ChatOptions): string;
}

/** Published templates have up to 20 kB; larger ones are more likely a mistake or an attack. */
const maxTemplateBytes = 256 * 1024;

/**
 * The checkpoint's own chat template: chat_template.jinja, else tokenizer_config.json's; null for a base model.
 * @throws MtplxError MTPLX_E_CHAT_TEMPLATE for a template that is too large or does not parse
 */
export async function loadChatTemplate(files: ModelFolder['files']): Promise<ChatTemplate | null> {
  const config = await readTokenizerConfig(files);
  const file = files.template ?? files.tokenizerConfig ?? files.tokenizer;
  const fail = (problem: string, cause?: unknown): MtplxError =>
    new MtplxError('MTPLX_E_CHAT_TEMPLATE', { file, problem }, { cause });
  if (files.template !== null && (await stat(files.template)).size > maxTemplateBytes)
    throw fail(`it is longer than ${maxTemplateBytes} bytes`);
  const source = files.template === null ? fromConfig(config['chat_template']) : await readFile(files.template, 'utf8');
  if (source === null) return null;
  if (Buffer.byteLength(source) > maxTemplateBytes) throw fail(`it is longer than ${maxTemplateBytes} bytes`);
  const tokens = Object.fromEntries(
    Object.entries(config).flatMap(([key, value]) =>
      key.endsWith('_token') && tokenText(value) !== null ? [[key, tokenText(value)]] : [],
    ),
  );
  let template: Template;
  try {
    template = new Template(source);
  } catch (cause) {
    throw fail((cause as Error).message, cause);
  }
  return {
    source,
    render(messages, { addGenerationPrompt = true, tools, variables = {} } = {}) {
      try {
        return template.render({
          ...tokens,
          ...(tools?.length ? { tools } : {}),
          ...variables,
          messages,
          add_generation_prompt: addGenerationPrompt,
        });
      } catch (cause) {
        throw fail((cause as Error).message, cause);
      }
    },
  };
}

/** A string, or a list of named templates of which `default` is for chats. */
function fromConfig(value: unknown): string | null {
  if (typeof value === 'string') return value;
  if (!Array.isArray(value)) return null;
  const named = value.find((entry) => isObject(entry) && entry['name'] === 'default') as
    Record<string, unknown> | undefined;
  return typeof named?.['template'] === 'string' ? named['template'] : null;
}

function tokenText(value: unknown): string | null {
  if (typeof value === 'string') return value;
  return isObject(value) && typeof value['content'] === 'string' ? value['content'] : null;
}
