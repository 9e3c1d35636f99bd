// A completion server of known behaviour, run as a command: node fake-server.ts --port N [--quirk NAME …].
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

/** Ways in which servers differ. */
export type Quirk =
  | 'chat-only'
  | 'openai-only'
  | 'no-usage'
  | 'loads-slowly'
  | 'never-ready'
  | 'dies'
  | 'breaks-off'
  | 'error-event'
  | 'silent'
  | 'lingers'
  | 'stops'
  | 'refuses'
  | 'ignores-sigterm';

const { values } = parseArgs({
  options: { port: { type: 'string' }, quirk: { type: 'string', multiple: true }, 'token-ms': { type: 'string' } },
});
const has = (quirk: Quirk): boolean => (values.quirk ?? []).includes(quirk);
const tokenMs = Number(values['token-ms'] ?? 1);
const known = new Set([
  'prompt',
  'messages',
  'max_tokens',
  'temperature',
  'top_p',
  'seed',
  'stream',
  'stream_options',
  'logit_bias',
]);
const ready = performance.now() + (has('loads-slowly') ? 700 : 0);

if (has('dies')) {
  console.error('no such model');
  process.exit(3);
}
if (has('ignores-sigterm')) process.on('SIGTERM', () => undefined);

async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  let text = '';
  for await (const bytes of request) text += String(bytes);
  return JSON.parse(text) as Record<string, unknown>;
}

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = request.url ?? '';
  const end = (status: number, text: string): void => void response.writeHead(status).end(text);
  if (path === '/health') return end(has('never-ready') || performance.now() < ready ? 503 : 200, '{}');
  if (path !== '/v1/chat/completions' && (path !== '/v1/completions' || has('chat-only'))) return end(404, 'unknown');
  const body = await bodyOf(request);
  const unknown = Object.keys(body).find((key) => !known.has(key));
  if (has('openai-only') && unknown !== undefined) return end(400, `${unknown} is not permitted`);
  if (has('refuses')) return end(500, 'out of slots');
  await stream(body, path.includes('chat'), response);
}

async function stream(body: Record<string, unknown>, chat: boolean, response: ServerResponse): Promise<void> {
  const count = Number(body['max_tokens']);
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const send = (data: unknown): void => void response.write(`data: ${JSON.stringify(data)}\n\n`);
  // A role without text comes first, as OpenAI sends it.
  if (chat) send({ choices: [{ delta: { role: 'assistant', content: '' } }] });
  for (let i = 0; i < count && !has('silent'); i++) {
    await sleep(tokenMs);
    if (i === 3 && has('stops') && !('logit_bias' in body)) {
      send({ choices: [{ text: '', finish_reason: 'stop' }] });
      break;
    }
    if (i === 2 && has('breaks-off')) return void response.destroy();
    if (i === 2 && has('error-event')) send({ error: { message: 'the cache is full' } });
    send({ choices: [chat ? { delta: { content: ` x${i}` } } : { text: ` x${i}` }] });
  }
  if (has('lingers')) await sleep(400);
  const usage = { prompt_tokens: 5, completion_tokens: count };
  send(has('no-usage') ? { choices: [] } : { choices: [], usage });
  response.end('data: [DONE]\n\n');
}

createServer((request, response) => void serve(request, response)).listen(Number(values.port), '127.0.0.1');
