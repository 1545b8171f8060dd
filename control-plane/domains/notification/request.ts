// One request to somebody's receiver, at an address that was checked (platform/outgoing.ts). Redirects are not followed, and
// nothing that is answered is kept but the status.
import { type IncomingMessage, request as overHttp, type RequestOptions } from "node:http";
import { request as overHttps } from "node:https";
import { createDialer, type OutgoingPolicy, reasonOf, Undeliverable } from "../../../platform/outgoing.ts";
import { urlFaults } from "./webhook-rules.ts";

/** From the look-up to the end of the answer. */
const SEND_TIMEOUT_MS = 15_000;
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

export interface SenderSettings extends OutgoingPolicy {
  /** PEM of the receivers' authority, where the system does not know it. */
  readonly authority?: string | undefined;
  readonly timeoutMs?: number;
}

/** Throws only when `signal` is aborted. */
export type Sender = (message: Message, signal: AbortSignal) => Promise<Answer>;

export function createSender(settings: SenderSettings): Sender {
  const { authority, timeoutMs = SEND_TIMEOUT_MS } = settings;
  const dial = createDialer(settings);

  return async ({ url: text, headers, body }, signal) => {
    const deadline = AbortSignal.timeout(timeoutMs);
    const bounded = AbortSignal.any([signal, deadline]);
    try {
      const [fault] = urlFaults(text, settings);
      if (fault !== undefined) throw new Undeliverable(`The URL ${fault}`);
      const url = new URL(text);
      const lookup = await dial(url, bounded);
      const ca = authority === undefined ? {} : { ca: authority };
      const options = { method: "POST", headers, signal: bounded, lookup, ...ca };
      return answerOf(await post(url, options, body));
    } catch (error) {
      signal.throwIfAborted();
      const seconds = Math.ceil(timeoutMs / 1000);
      const reason = deadline.aborted ? `It did not answer within ${seconds} s.` : reasonOf(error);
      return { statusCode: null, error: reason, retryAfterMs: undefined };
    }
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
