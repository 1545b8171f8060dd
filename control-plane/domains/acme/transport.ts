// How acme-client speaks over the network: it has one axios for the whole process, so each call says by a scope which roots
// it trusts, when it ends, and hears there what the library's own errors leave out.
import { Agent } from "node:https";
import { createSecureContext, rootCertificates, type SecureContext } from "node:tls";
import acme from "acme-client";
import { createScope } from "../../../platform/scope.ts";
import { AuthorityAway, AuthorityRefusal, kindOf, refusalSchema } from "./refusal.ts";

const REQUEST_TIMEOUT_MS = 20_000;
const ANSWER_BYTES_MAX = 1024 * 1024;
/** The library itself tries five times; an authority that takes pleasure in refusing nonces needs more. */
const NONCE_ATTEMPTS_MAX = 5;

interface Call {
  readonly agent: Agent;
  readonly signal: AbortSignal;
  refused: AuthorityRefusal | undefined;
  retryAfterMs: number | undefined;
}

const calls = createScope<Call>();

// The library's own interceptors wait up to minutes, heed no signal, and answer a broken connection with a TypeError.
acme.axios.interceptors.request.clear();
acme.axios.interceptors.response.clear();
acme.axios.interceptors.request.use((config) => {
  const call = calls.read();
  if (call === undefined) throw new Error("an authority is asked outside of a call");
  // RFC 8555 §7.2: nonces come by GET too. An answer to HEAD that has no length costs Node's client the connection.
  if (config.method === "head") config.method = "get";
  config.httpsAgent = call.agent;
  config.signal = call.signal;
  config.timeout = REQUEST_TIMEOUT_MS;
  config.maxContentLength = ANSWER_BYTES_MAX;
  config.maxRedirects = 0;
  if (isLoopback(config.url ?? "")) config.proxy = false;
  config.headers.set("User-Agent", "edgewright");
  return config;
});
acme.axios.interceptors.response.use((response) => {
  const call = calls.read();
  const { status, headers } = response;
  const retryAfterMs = retryAfterOf(headers["retry-after"]);
  if (call === undefined) return response;
  call.retryAfterMs = retryAfterMs;
  if (status >= 400) call.refused = new AuthorityRefusal(status, refusalSchema.parse(response.data), retryAfterMs);
  return response;
});

export interface Answer<T> {
  readonly value: T;
  /** Of the newest answer. */
  readonly retryAfterMs: number | undefined;
}

export interface Line {
  ask<T>(signal: AbortSignal, question: () => Promise<T>): Promise<Answer<T>>;
}

/** `extraRoot`: PEM of an authority's own root, where the system does not know it. */
export function openLine(extraRoot: string | undefined): Line {
  const agent = new Agent({ keepAlive: true, maxSockets: 32, ...trusting(extraRoot) });
  return { ask: (signal, question) => askPatiently({ agent, signal }, question, 1) };
}

/** Made once: reading all roots again for each connection costs more than the rest of an order. */
function trusting(extraRoot: string | undefined): { secureContext?: SecureContext } {
  if (extraRoot === undefined) return {};
  return { secureContext: createSecureContext({ ca: [...rootCertificates, extraRoot] }) };
}

async function askPatiently<T>(
  line: { agent: Agent; signal: AbortSignal },
  question: () => Promise<T>,
  attempt: number,
): Promise<Answer<T>> {
  const call: Call = { ...line, refused: undefined, retryAfterMs: undefined };
  try {
    const value = await calls.run(call, question);
    return { value, retryAfterMs: call.retryAfterMs };
  } catch (error) {
    line.signal.throwIfAborted();
    const { refused } = call;
    if (refused === undefined) throw new AuthorityAway(messageOf(error), { cause: error });
    // RFC 8555 §6.5: what was refused for its nonce was not looked at.
    const isNonce = kindOf(refused.body) === "badNonce";
    if (isNonce && attempt < NONCE_ATTEMPTS_MAX) return askPatiently(line, question, attempt + 1);
    throw refused;
  }
}

/** Seconds or a date (RFC 9110 §10.2.3). */
function retryAfterOf(header: unknown): number | undefined {
  if (typeof header !== "string") return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}

function isLoopback(url: string): boolean {
  return URL.canParse(url) && ["localhost", "127.0.0.1", "[::1]"].includes(new URL(url).hostname);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
