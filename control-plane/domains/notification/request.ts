// One request to somebody's receiver. Its name is looked up once, each address is checked, and the connection goes to an
// address that was checked: a name that leads elsewhere a moment later (DNS rebinding) changes nothing. Redirects are not
// followed, and nothing that is answered is kept but the status.
import { lookup, Resolver } from "node:dns/promises";
import { type IncomingMessage, request as overHttp, type RequestOptions } from "node:http";
import { request as overHttps } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import pLimit from "p-limit";
import { z } from "zod";
import { hostOf, mayDial, type UrlPolicy, urlFaults } from "./webhook-rules.ts";

/** From the look-up to the end of the answer. */
const SEND_TIMEOUT_MS = 15_000;
const DNS_TIMEOUT_MS = 2_000;
const ADDRESSES_MAX = 8;
/** The system's own look-up holds a thread for as long as it takes. */
const SYSTEM_AT_ONCE = 2;
const ANSWER_BYTES_MAX = 64 * 1024;
const ANSWER_HEADER_BYTES_MAX = 16 * 1024;

export interface Message {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** `error` says in words why it was not taken. */
export interface Answer {
  readonly statusCode: number | null;
  readonly error: string | null;
  readonly retryAfterMs: number | undefined;
}

export interface SenderSettings extends UrlPolicy {
  /** PEM of the receivers' authority, where the system does not know it. */
  readonly authority?: string | undefined;
  /** What a name leads to, when it is not the DNS that says so. */
  readonly addressesOf?: (host: string) => Promise<readonly string[]>;
  readonly timeoutMs?: number;
}

/** Throws only when `signal` is aborted. */
export type Sender = (message: Message, signal: AbortSignal) => Promise<Answer>;

class Undeliverable extends Error {
  override readonly name = "Undeliverable";
}

export function createSender(settings: SenderSettings): Sender {
  const { authority, addressesOf = createLookUp(), timeoutMs = SEND_TIMEOUT_MS } = settings;

  async function addressesFor(host: string, signal: AbortSignal): Promise<readonly string[]> {
    const found = isIP(host) === 0 ? await beforeAbort(addressesOf(host), signal) : [host];
    if (found.length === 0) throw new Undeliverable(`The name ${host} leads nowhere.`);
    const allowed = found.filter((address) => mayDial(address, settings));
    if (allowed.length > 0) return allowed.slice(0, ADDRESSES_MAX);
    throw new Undeliverable(`The name ${host} leads to addresses that this platform does not send to.`);
  }

  return async ({ url: text, headers, body }, signal) => {
    const deadline = AbortSignal.timeout(timeoutMs);
    const bounded = AbortSignal.any([signal, deadline]);
    try {
      const [fault] = urlFaults(text, settings);
      if (fault !== undefined) throw new Undeliverable(`The URL ${fault}`);
      const url = new URL(text);
      const addresses = await addressesFor(hostOf(url), bounded);
      const ca = authority === undefined ? {} : { ca: authority };
      const options = { method: "POST", headers, signal: bounded, lookup: only(addresses), ...ca };
      return answerOf(await post(url, options, body));
    } catch (error) {
      signal.throwIfAborted();
      const seconds = Math.ceil(timeoutMs / 1000);
      const reason = deadline.aborted ? `It did not answer within ${seconds} s.` : reasonOf(error);
      return { statusCode: null, error: reason, retryAfterMs: undefined };
    }
  };
}

/** DNS first, which waits in no thread; what DNS does not know, the system may (names of containers, of this machine). */
function createLookUp(): (host: string) => Promise<readonly string[]> {
  const resolver = new Resolver({ timeout: DNS_TIMEOUT_MS, tries: 2 });
  const turn = pLimit(SYSTEM_AT_ONCE);
  return async (host) => {
    const isLocal = host === "localhost" || host.endsWith(".localhost");
    const answers = isLocal ? [] : await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
    const addresses = answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
    if (addresses.length > 0) return addresses;
    const found = await turn(() => lookup(isLocal ? "localhost" : host, { all: true }));
    return found.map(({ address }) => address);
  };
}

/** Whatever the connection asks for, these are the addresses. */
function only(addresses: readonly string[]): LookupFunction {
  const found = addresses.map((address) => ({ address, family: isIP(address) }));
  return (_host, options, done) => {
    const [first] = found;
    if (options.all === true || first === undefined) return done(null, found);
    done(null, first.address, first.family);
  };
}

/** Resolves when the answer has ended or is longer than anybody reads: its status counts, however it ends. */
function post(url: URL, options: RequestOptions, body: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const send = url.protocol === "https:" ? overHttps : overHttp;
    let answered: IncomingMessage | undefined;
    const end = (error: unknown) => (answered === undefined ? reject(error) : resolve(answered));
    const request = send(url, { ...options, agent: false, maxHeaderSize: ANSWER_HEADER_BYTES_MAX }, (answer) => {
      answered = answer;
      let bytes = 0;
      answer.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > ANSWER_BYTES_MAX) request.destroy();
      });
      answer.on("error", end);
    });
    request.on("error", end);
    // After a 101 there is neither an answer nor an error.
    request.on("close", () => end(new Undeliverable("It closed the connection without an answer.")));
    request.end(body);
  });
}

function answerOf(answer: IncomingMessage): Answer {
  const statusCode = answer.statusCode ?? 0;
  const isTaken = statusCode >= 200 && statusCode < 300;
  // RFC 9110 §10.2.3; the form with a date is left to the plan of our own.
  const seconds = /^\d{1,9}$/.exec(answer.headers["retry-after"] ?? "")?.[0];
  return {
    statusCode,
    error: isTaken ? null : refusalOf(statusCode),
    retryAfterMs: seconds === undefined ? undefined : Number(seconds) * 1000,
  };
}

function refusalOf(statusCode: number): string {
  if (statusCode >= 300 && statusCode < 400) return `It answered ${statusCode}: redirects are not followed.`;
  return `It answered ${statusCode}; any status from 200 to 299 says that it took it.`;
}

const codeSchema = z.object({ code: z.string() });

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "It refuses connections.",
  ECONNRESET: "It broke the connection off.",
  EPIPE: "It broke the connection off.",
  EHOSTUNREACH: "No way leads to its address.",
  ENETUNREACH: "No way leads to its address.",
  ENOTFOUND: "Its name leads nowhere.",
  EAI_AGAIN: "Its name cannot be looked up now.",
  CERT_HAS_EXPIRED: "Its certificate has expired.",
  ERR_TLS_CERT_ALTNAME_INVALID: "Its certificate is for other names.",
  DEPTH_ZERO_SELF_SIGNED_CERT: "Its certificate is signed by itself.",
  SELF_SIGNED_CERT_IN_CHAIN: "Its certificate is by an authority that nobody knows.",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "Its certificate is sent without its intermediate ones.",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "Its certificate is by an authority that nobody knows.",
  HPE_HEADER_OVERFLOW: "The headers of its answer are too long.",
};

/** Names and codes: where the name led is nobody's to learn. */
function reasonOf(error: unknown): string {
  if (error instanceof Undeliverable) return error.message;
  const code = codeSchema.safeParse(error).data?.code;
  if (code === undefined) return "It could not be sent.";
  if (code.startsWith("HPE_")) return WORDS[code] ?? "What it answers is no HTTP.";
  return WORDS[code] ?? `It could not be sent (${code}).`;
}

function beforeAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  work.catch(() => {});
  return Promise.race([work, aborted]);
}
