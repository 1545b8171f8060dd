// One request to a provider: to an address that was checked, with a deadline, read up to a limit, redirects not followed, so
// that credentials go nowhere else. A passing fault is tried again, after as long as the provider asks for.
import { type IncomingMessage, request as overHttp, type RequestOptions } from "node:http";
import { request as overHttps } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import { createDialer, type OutgoingPolicy, reasonOf, Undeliverable } from "../../../platform/outgoing.ts";
import { ProviderError } from "./statistics.ts";

const REQUEST_TIMEOUT_MS = 30_000;
const ANSWER_BYTES_MAX = 32 * 1024 * 1024;
const ANSWER_HEADER_BYTES_MAX = 16 * 1024;
/** After each attempt that failed; then it is given up. */
const WAIT_MS: readonly number[] = [1_000, 5_000, 15_000];
/** Whoever wants us to wait longer is asked again by the next synchronisation. */
const ASKED_WAIT_MAX_MS = 60_000;
const WORDS_LENGTH_MAX = 300;

export interface ProviderRequest {
  readonly method: "GET" | "POST";
  readonly url: URL;
  /** Made anew for each attempt: signatures hold a time. */
  readonly headers: () => Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface AskSettings extends OutgoingPolicy {
  /** As people call it. */
  readonly name: string;
  /** What a refusal says, in the provider's own form. */
  readonly refusalOf: (body: unknown) => string | undefined;
  readonly timeoutMs?: number;
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** Answers the parsed JSON; throws ProviderError, or why `signal` was aborted. */
export type Ask = (request: ProviderRequest, signal: AbortSignal) => Promise<unknown>;

interface Answered {
  readonly status: number;
  readonly retryAfterMs: number | undefined;
  readonly text: string;
}

export function createAsk(settings: AskSettings): Ask {
  const { name, timeoutMs = REQUEST_TIMEOUT_MS, wait = pause } = settings;
  const dial = createDialer(settings);

  async function send(request: ProviderRequest, signal: AbortSignal): Promise<Answered> {
    const deadline = AbortSignal.timeout(timeoutMs);
    const bounded = AbortSignal.any([signal, deadline]);
    try {
      const lookup = await dial(request.url, bounded);
      const headers = { ...request.headers(), accept: "application/json", "user-agent": "Edgewright/1" };
      return await exchange(request, { method: request.method, headers, signal: bounded, lookup });
    } catch (error) {
      signal.throwIfAborted();
      const seconds = Math.ceil(timeoutMs / 1000);
      const reason = deadline.aborted ? `It did not answer within ${seconds} s.` : reasonOf(error);
      throw new ProviderError("passing", `${name} cannot be reached. ${reason}`, { cause: error });
    }
  }

  return async (request, signal) => {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return parsed(await send(request, signal), settings);
      } catch (error) {
        if (!(error instanceof ProviderError) || error.fault !== "passing") throw error;
        const planned = WAIT_MS[attempt];
        const waitMs = Math.max(planned ?? 0, error.retryAfterMs ?? 0);
        if (planned === undefined || waitMs > ASKED_WAIT_MAX_MS) throw error;
        await wait(waitMs, signal);
      }
    }
  };
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal });
}

function exchange({ url, body }: ProviderRequest, options: RequestOptions): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const send = url.protocol === "https:" ? overHttps : overHttp;
    const limits = { agent: false, maxHeaderSize: ANSWER_HEADER_BYTES_MAX };
    const request = send(url, { ...options, ...limits }, (answer) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      answer.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > ANSWER_BYTES_MAX) request.destroy(new Undeliverable("Its answer is too long."));
        else chunks.push(chunk);
      });
      answer.on("error", reject);
      answer.on("end", () => resolve(answeredBy(answer, Buffer.concat(chunks).toString("utf8"))));
    });
    request.on("error", reject);
    request.on("close", () => reject(new Undeliverable("It closed the connection before its answer was whole.")));
    request.end(body);
  });
}

function answeredBy(answer: IncomingMessage, text: string): Answered {
  return { status: answer.statusCode ?? 0, retryAfterMs: retryAfterOf(answer.headers["retry-after"]), text };
}

/** RFC 9110 §10.2.3: seconds, or a date. */
function retryAfterOf(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}

function parsed(answered: Answered, settings: AskSettings): unknown {
  if (answered.status < 200 || answered.status >= 300) throw refusal(answered, settings);
  try {
    return JSON.parse(answered.text);
  } catch (error) {
    throw new ProviderError("passing", `${settings.name} answered something that is no JSON.`, { cause: error });
  }
}

function refusal({ status, text, retryAfterMs }: Answered, { name, refusalOf }: AskSettings): ProviderError {
  const said = wordsOf(text, refusalOf);
  const words = said === undefined ? "" : ` and said: ${said}`;
  if (status === 401 || status === 403) {
    return new ProviderError("denied", `${name} does not accept the credentials: it answered ${status}${words}.`);
  }
  if (status === 429) {
    return new ProviderError("passing", `${name} asks for fewer requests: it answered 429${words}.`, { retryAfterMs });
  }
  if (status >= 300 && status < 400) {
    return new ProviderError("denied", `${name} answered ${status}: redirects are not followed. Look at its URL.`);
  }
  const fault = status >= 500 || status === 408 ? "passing" : "refused";
  return new ProviderError(fault, `${name} answered ${status}${words}.`, { retryAfterMs });
}

function wordsOf(text: string, refusalOf: AskSettings["refusalOf"]): string | undefined {
  try {
    const said = refusalOf(JSON.parse(text));
    // What a stranger wrote stands in our answers: one line, and no longer than a person reads.
    return said
      ?.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ")
      .slice(0, WORDS_LENGTH_MAX)
      .replace(/[.\s]+$/, "");
  } catch {
    return undefined;
  }
}
