import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { loadChatTemplate } from './chat-template.ts';
import { embedded, failsWith, inTemporaryFolder, writeJson } from './testing/files.ts';

const test = suite('chat template');
const messages = [{ role: 'user', content: 'Hi' }];

async function render(
  folder: string,
  config: object | null,
  jinja: string | null,
  options = {},
): Promise<string | null> {
  const tokenizerConfig = config && join(folder, 'tokenizer_config.json');
  const template = jinja === null ? null : join(folder, 'chat_template.jinja');
  if (tokenizerConfig) await writeJson(tokenizerConfig, config);
  if (template) await writeFile(template, jinja!);
  const loaded = await loadChatTemplate({ tokenizer: join(folder, 'tokenizer.json'), tokenizerConfig, template });
  return loaded && loaded.render(messages, options);
}

test('renders the embedded model own', async () => {
  const files = { tokenizer: '', tokenizerConfig: join(embedded, 'tokenizer_config.json'), template: null };
  const template = (await loadChatTemplate(files))!;
  const asked = '<|im_start|>user\nHi<|im_end|>\n';
  assert.is(template.render(messages, { addGenerationPrompt: false }), asked);
  assert.is(template.render(messages), `${asked}<|im_start|>assistant\n<think>\n\n</think>\n\n`);
});

test('where the template comes from', () =>
  inTemporaryFolder(async (folder) => {
    assert.is(await render(folder, null, null), null);
    assert.is(await render(folder, {}, null), null);
    assert.is(await render(folder, { chat_template: 'config' }, null), 'config');
    assert.is(
      await render(
        folder,
        {
          chat_template: [
            { name: 'rag', template: 'x' },
            { name: 'default', template: 'listed' },
          ],
        },
        null,
      ),
      'listed',
    );
    assert.is(await render(folder, { chat_template: 'config' }, 'file'), 'file');
  }));

test('variables, tools and the tokens of the config', () =>
  inTemporaryFolder(async (folder) => {
    const source = '{{ bos_token }}{{ eos_token }}{% if tools %}{{ tools[0].name }}{% endif %}{{ enable_thinking }}';
    const config = { bos_token: '<s>', eos_token: { content: '</s>' } };
    assert.is(
      await render(folder, config, source, { tools: [{ name: 'f' }], variables: { enable_thinking: false } }),
      '<s></s>ffalse',
    );
  }));

test('what goes wrong names the file and the reason', () =>
  inTemporaryFolder(async (folder) => {
    await failsWith(() => render(folder, {}, '{% if %}'), 'MTPLX_E_CHAT_TEMPLATE', 'chat_template.jinja');
    await failsWith(
      () => render(folder, {}, "{{ raise_exception('No user query found') }}"),
      'MTPLX_E_CHAT_TEMPLATE',
      'chat_template.jinja',
      'No user query found',
    );
    await failsWith(() => render(folder, {}, 'x'.repeat(256 * 1024 + 1)), 'MTPLX_E_CHAT_TEMPLATE', 'longer');
  }));

test.run();
