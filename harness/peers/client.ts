import { z } from 'zod';
import { MtplxError } from '../../runtime/errors.ts';
import type { SuiteFilter } from '../suites/suite.ts';
import { eventData } from './events.ts';

/** What a server is asked to continue, and how. */
export interface CompletionRequest {
  prompt: string;
  maxTokens: number;
  sampler: SuiteFilter;
  seed: number;
  /** Ids that must not end the text: a server that stops all the same is asked again with a bias against them. */
  ignoredStops: readonly number[];
}

/** One streamed answer. Times are milliseconds from the request. */
export interface Completion {
  text: string;
  /** As the server counts them; null from a server that does not. */
  newTokens: number | null;
  promptTokens: number | null;
  firstMs: number;
  lastMs: number;
}

/** `chat` sends the prompt as a user's message, so the server's template stands around it. */
export type Endpoint = 'completions' | 'chat';

const paths: Record<Endpoint, string> = { completions: '/v1/completions', chat: '/v1/chat/completions' };

const usage = z.object({ completion_tokens: z.int().min(0), prompt_tokens: z.int().min(0) });
// What servers add beside this is nobody's business.
const chunk = z.object({
  choices: z
    .array(
      z.object({
        text: z.string().nullish(),
        finish_reason: z.string().nullish(),
        delta: z.object({ content: z.string().nullish() }).nullish(),
      }),
    )
    .optional(),
  usage: usage.nullish(),
  error: z.unknown().optional(),
});

/** Speaks to one server in OpenAI's form; learns with the first answer what it takes. */
export class CompletionClient {
  readonly #url: string;
  #endpoint: Endpoint;
  #extras = true;
  #bias = false;

  constructor(url: string, endpoint: Endpoint) {
    this.#url = url.replace(/\/+$/, '');
    this.#endpoint = endpoint;
  }

  get endpoint(): Endpoint {
    return this.#endpoint;
  }

  /**
   * Streams one completion. A server without /v1/completions is asked for a chat; one that refuses the fields that are
   * not OpenAI's gets OpenAI's alone.
   * @throws MtplxError MTPLX_E_PEER; the signal's reason after an abort
   */
  async complete(request: CompletionRequest, signal?: AbortSignal): Promise<Completion> {
    const begin = performance.now();
    const response = await this.#post(request, signal);
    if (response.ok && response.body) {
      const { stopped, ...completion } = await this.#read(response.body, begin, signal);
      if (stopped && request.ignoredStops.length > 0 && !this.#bias) {
        this.#bias = true;
        return this.complete(request, signal);
      }
      if (completion.text === '') throw this.#failure('it answered with no text');
      return completion;
    }
    const problem = `${paths[this.#endpoint]} answers ${response.status}: ${shortened(await response.text())}`;
    if ([404, 405, 501].includes(response.status) && this.#endpoint === 'completions') this.#endpoint = 'chat';
    else if ([400, 422].includes(response.status) && this.#extras) this.#extras = false;
    else throw this.#failure(problem);
    return this.complete(request, signal);
  }

  async #post(request: CompletionRequest, signal: AbortSignal | undefined): Promise<Response> {
    try {
      return await fetch(this.#url + paths[this.#endpoint], {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(requestBody(request, this.#endpoint, { extras: this.#extras, bias: this.#bias })),
        signal: signal ?? null,
      });
    } catch (cause) {
      signal?.throwIfAborted();
      throw this.#failure(`it cannot be reached (${reasonOf(cause)})`, cause);
    }
  }

  /** `stopped`: an end token ended it. */
  async #read(
    body: AsyncIterable<Uint8Array>,
    begin: number,
    signal: AbortSignal | undefined,
  ): Promise<Completion & { stopped: boolean }> {
    let [text, firstMs, lastMs, stopped] = ['', 0, 0, false];
    let counts: z.infer<typeof usage> | null = null;
    try {
      for await (const data of eventData(body)) {
        if (data === '[DONE]') break;
        const now = performance.now() - begin;
        const parsed = chunk.parse(JSON.parse(data));
        if (parsed.error !== undefined) throw new Error(shortened(JSON.stringify(parsed.error)));
        const piece = (parsed.choices ?? []).map(({ text, delta }) => text ?? delta?.content ?? '').join('');
        if (piece !== '') {
          if (text === '') firstMs = now;
          lastMs = now;
          text += piece;
        }
        stopped ||= (parsed.choices ?? []).some(({ finish_reason }) => finish_reason === 'stop');
        counts = parsed.usage ?? counts;
      }
    } catch (cause) {
      signal?.throwIfAborted();
      throw this.#failure(`its answer broke off (${reasonOf(cause)})`, cause);
    }
    const { completion_tokens = null, prompt_tokens = null } = counts ?? {};
    return { text, newTokens: completion_tokens, promptTokens: prompt_tokens, firstMs, lastMs, stopped };
  }

  #failure(problem: string, cause?: unknown): MtplxError {
    return new MtplxError('MTPLX_E_PEER', { server: this.#url, problem }, { cause });
  }
}

/** What of a request a server takes: fields that are not OpenAI's, a bias against end tokens. */
interface Taken {
  extras: boolean;
  bias: boolean;
}

/** A request in OpenAI's form. Filters are ours: temperature, then top-p, then top-k; no min-p, nothing from a cache. */
export function requestBody(request: CompletionRequest, endpoint: Endpoint, { extras, bias }: Taken): object {
  const { prompt, maxTokens, sampler, seed, ignoredStops } = request;
  return {
    ...(endpoint === 'chat' ? { messages: [{ role: 'user', content: prompt }] } : { prompt }),
    max_tokens: maxTokens,
    temperature: sampler.temperature,
    top_p: sampler.top_p,
    seed,
    stream: true,
    stream_options: { include_usage: true },
    ...(bias && { logit_bias: Object.fromEntries(ignoredStops.map((id) => [id, -100])) }),
    ...(extras && {
      top_k: sampler.top_k,
      min_p: 0,
      samplers: ['temperature', 'top_p', 'top_k'],
      ignore_eos: ignoredStops.length > 0,
      cache_prompt: false,
    }),
  };
}

function shortened(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > 300 ? `${line.slice(0, 300)}…` : line;
}

function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? `${message}: ${cause.message}` : message;
}
