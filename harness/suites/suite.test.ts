import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MtplxError } from '../../runtime/errors.ts';
import { embeddedModel } from '../../runtime/model/embedded.ts';
import { loadTokenizer } from '../../runtime/model/tokenizer.ts';
import { packageRoot } from '../../runtime/package.ts';
import { skip } from '../../scripts/testing/skip.ts';
import { buildContextSuite, sourceCommit } from './build-context-4k.ts';
import { frozenSuites, loadSuite, parseSuite, promptText, suiteFile } from './suite.ts';

const test = suite('suites');
const main = 'cold-long-code-192';

function hasSources(): boolean {
  return spawnSync('git', ['cat-file', '-e', sourceCommit], { cwd: packageRoot }).status === 0;
}

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    assert.instance(error, MtplxError);
    return (error as MtplxError).code;
  }
  return 'nothing thrown';
}

test('every suite file has the hash that was committed for it, and none is left out', async () => {
  const frozen = await frozenSuites();
  const files = readdirSync(dirname(suiteFile(main))).filter(
    (file) => file.endsWith('.json') && file !== 'frozen.json',
  );
  assert.equal(
    files.toSorted(),
    Object.keys(frozen)
      .toSorted()
      .map((name) => `${name}.json`),
  );
  for (const [name, sha256] of Object.entries(frozen)) {
    assert.is(
      createHash('sha256')
        .update(readFileSync(suiteFile(name)))
        .digest('hex'),
      sha256,
      name,
    );
    assert.is((await loadSuite(name)).name, name);
  }
});

test('the main suite asks for what its name says', async () => {
  const { settings, prompts, sha256 } = await loadSuite(main);
  assert.is(sha256, (await frozenSuites())[main]);
  assert.is(settings.max_tokens, 192);
  assert.equal(settings.sampler, { temperature: 0.6, top_p: 0.95, top_k: 20 });
  assert.is(settings.draft_sampler.temperature, 0.7);
  assert.ok(prompts.length >= 8);
  assert.equal([...new Set(prompts.map(({ language }) => language))].toSorted(), ['python', 'typescript']);
});

test('an unknown suite is refused and the known ones are named', async () => {
  const error = await loadSuite('warm').catch((caught: unknown) => caught as MtplxError);
  assert.instance(error, MtplxError);
  assert.is((error as MtplxError).code, 'MTPLX_E_SUITE_UNKNOWN');
  assert.match((error as MtplxError).message, main);
});

test('one changed byte is found, and so is a wrong field under the right hash', () => {
  const bytes = readFileSync(suiteFile(main));
  const hash = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');
  assert.is(parseSuite(bytes, 'x', hash(bytes)).name, main);
  const changed = Buffer.from(bytes);
  changed[changed.length - 10]! ^= 1;
  assert.is(
    codeOf(() => parseSuite(changed, 'x', hash(bytes))),
    'MTPLX_E_FILE_BROKEN',
  );
  const wrong = Buffer.from(bytes.toString().replace('"max_tokens": 192', '"max_tokens": "192"'));
  assert.is(
    codeOf(() => parseSuite(wrong, 'x', hash(wrong))),
    'MTPLX_E_FILE_BROKEN',
  );
});

test('each suite asks for what its name says', async () => {
  const settingsOf = async (name: string) => (await loadSuite(name)).settings;
  assert.is((await settingsOf('long-code-1k')).max_tokens, 1024);
  const chat = await settingsOf('chat');
  assert.ok(chat.chat_template && !chat.ignore_stop_tokens);
  const hot = await settingsOf('random-hot-192');
  assert.equal(hot.sampler, { temperature: 1.5, top_p: 1, top_k: 0 });
  assert.is(hot.draft_sampler.temperature, 0);
  const tools = await loadSuite('tools-json');
  for (const prompt of tools.prompts) {
    // An open transcript: closing what is open makes it whole.
    const whole = JSON.parse(`${promptText(prompt)} "x", "arguments": {} } } ] } ] }`) as { messages: unknown[] };
    assert.ok(whole.messages.length >= 3, prompt.id);
  }
});

test('context-4k has prompts of just under 4,096 tokens', async () => {
  const tokenizer = await loadTokenizer(join(embeddedModel, 'tokenizer.json'));
  const { prompts } = await loadSuite('context-4k');
  assert.is(prompts.length, 4);
  for (const prompt of prompts) {
    const { length } = await tokenizer.encode(promptText(prompt));
    assert.ok(length > 4096 - 64 && length <= 4096, `${prompt.id}: ${length}`);
  }
});

const withHistory = hasSources() ? test : skip(test, 'the commit that context-4k was built from is not in the history');
withHistory('context-4k is built from the history again, byte for byte', async () => {
  assert.is(await buildContextSuite(), readFileSync(suiteFile('context-4k'), 'utf8'));
});

test.run();
