import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CompletionClient, type Completion, requestBody } from './client.ts';
import { PeerServer } from './server.ts';
import type { Quirk } from './testing/fake-server.ts';
import { failureOf, fakeCommand } from './testing/run-fake.ts';

const test = suite('completion client');
const request = {
  prompt: 'def f():',
  maxTokens: 12,
  sampler: { temperature: 0.6, top_p: 0.95, top_k: 20 },
  seed: 3,
  ignoredStops: [0, 2],
};

async function withServer<T>(quirks: Quirk[], body: (client: CompletionClient) => Promise<T>, flags = ''): Promise<T> {
  const server = await PeerServer.start({ command: fakeCommand(...quirks) + flags, waitMs: 120_000 });
  try {
    return await body(new CompletionClient(`${server.url}/`, 'completions'));
  } finally {
    await server.stop();
  }
}

const complete = async (...quirks: Quirk[]): Promise<Completion & { endpoint: string }> =>
  withServer(quirks, async (client) => ({ ...(await client.complete(request)), endpoint: client.endpoint }));

const text = Array.from({ length: 12 }, (_, i) => ` x${i}`).join('');

test('streams text, the counts of the server and the times of first and last text', async () => {
  const completion = await complete();
  assert.is(completion.text, text);
  assert.equal([completion.newTokens, completion.promptTokens, completion.endpoint], [12, 5, 'completions']);
  assert.ok(completion.firstMs > 0 && completion.lastMs - completion.firstMs > 5);
});

test('a server for chats alone is asked for a chat', async () => {
  const completion = await complete('chat-only');
  assert.is(completion.endpoint, 'chat');
  assert.is(completion.text, text);
});

test('times are those of text: neither an empty delta at the start nor counts at the end have one', async () => {
  await withServer(
    ['chat-only', 'lingers'],
    async (client) => {
      const begin = performance.now();
      const { firstMs, lastMs } = await client.complete({ ...request, maxTokens: 3 });
      assert.ok(firstMs > 180, `first after ${firstMs} ms`);
      assert.ok(performance.now() - begin - lastMs > 350, `last after ${lastMs} ms`);
    },
    ' --token-ms 200',
  );
});

test("a server that refuses fields that are not OpenAI's gets none of them", async () => {
  assert.is((await complete('openai-only')).text, text);
  assert.is((await complete('openai-only', 'chat-only')).text, text);
});

test('a server that does not count leaves the counts out', async () => {
  const completion = await complete('no-usage');
  assert.equal([completion.newTokens, completion.promptTokens, completion.text], [null, null, text]);
});

test('a server that stops at an end token is asked again with a bias against it, where ends are ignored', async () => {
  await withServer(['stops'], async (client) => {
    const natural = await client.complete({ ...request, ignoredStops: [] });
    assert.is(natural.text, ' x0 x1 x2');
    assert.is((await client.complete(request)).text, text);
  });
});

for (const [quirk, words] of [
  ['refuses', /answers 500: out of slots/],
  ['breaks-off', /broke off/],
  ['error-event', /the cache is full/],
  ['silent', /no text/],
] as const) {
  test(`a server that ${quirk} is an error that says so`, async () => {
    const { code, message } = await failureOf(complete(quirk));
    assert.is(code, 'MTPLX_E_PEER');
    assert.match(message, words);
  });
}

test('nobody there, and an abort in the middle', async () => {
  const nobody = new CompletionClient('http://127.0.0.1:9', 'completions');
  assert.match((await failureOf(nobody.complete(request))).message, /cannot be reached/);
  await withServer([], async (client) => {
    const abort = new AbortController();
    setTimeout(() => abort.abort(new Error('stopped by the test')), 100);
    const long = client.complete({ ...request, maxTokens: 5000 }, abort.signal);
    assert.is((await failureOf(long)).message, 'stopped by the test');
  });
});

test('the body has what the suite says', () => {
  const body = requestBody(request, 'completions', { extras: true, bias: false }) as Record<string, unknown>;
  assert.is(body['prompt'], 'def f():');
  assert.equal([body['max_tokens'], body['temperature'], body['top_p'], body['top_k']], [12, 0.6, 0.95, 20]);
  assert.equal([body['seed'], body['ignore_eos'], body['min_p'], body['stream']], [3, true, 0, true]);
  assert.equal(requestBody(request, 'chat', { extras: false, bias: true }), {
    messages: [{ role: 'user', content: 'def f():' }],
    max_tokens: 12,
    temperature: 0.6,
    top_p: 0.95,
    seed: 3,
    stream: true,
    stream_options: { include_usage: true },
    logit_bias: { 0: -100, 2: -100 },
  });
});

test.run();
