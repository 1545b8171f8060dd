// Talks to the control plane's /edge/v1. Parses what comes back; decides nothing about it.
import type { Readable } from "node:stream";
import { Agent, request } from "undici";
import { z } from "zod";
import { readBody } from "./bounded-body.ts";
import {
  BATCH_ID_HEADER,
  BATCH_RETRY_HEADER,
  CHANGES_BYTES_MAX,
  type ChangesReply,
  changesReplySchema,
  type EnrolReply,
  type EnrolRequest,
  enrolReplySchema,
  FEED_ID_HEADER,
  type FeedKeysReply,
  feedKeysReplySchema,
  type LogSaltsReply,
  logSaltsReplySchema,
  type ReportReply,
  type ReportRequest,
  renewReplySchema,
  reportReplySchema,
} from "./contract.ts";

export type ChangesAnswer =
  | { readonly kind: "changes"; readonly reply: ChangesReply }
  | { readonly kind: "nothing-new" }
  /** 409, 410: what this edge knows is of no use as a beginning. */
  | { readonly kind: "start-over"; readonly why: "another feed" | "too old" };

type SnapshotAnswer =
  | { readonly kind: "file"; readonly feedId: string; readonly file: Readable }
  /** The feed has no checkpoint yet: its changes since 0 are everything. */
  | { readonly kind: "none"; readonly feedId: string };

export interface ControlPlane {
  enrol(wish: EnrolRequest, signal: AbortSignal): Promise<EnrolReply>;
  renew(csr: string, signal: AbortSignal): Promise<string>;
  changes(since: { feedId: string; rev: number; waitSeconds: number }, signal: AbortSignal): Promise<ChangesAnswer>;
  snapshot(signal: AbortSignal): Promise<SnapshotAnswer>;
  feedKeys(signal: AbortSignal): Promise<FeedKeysReply["feed_keys"]>;
  report(report: ReportRequest, signal: AbortSignal): Promise<ReportReply>;
  /** Of the days from `from` on, until a week ahead. */
  logSalts(from: string, signal: AbortSignal): Promise<LogSaltsReply>;
  sendLogs(batch: { id: string; gzip: Buffer; isRetry: boolean }, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** The control plane answered, but not with what was asked for. */
export class ControlPlaneRefusal extends Error {
  override readonly name = "ControlPlaneRefusal";
  readonly status: number;

  constructor(call: string, status: number, body: string) {
    super(`${call} was answered ${status}: ${body.slice(0, 300)}`);
    this.status = status;
  }
}

const CALL_TIMEOUT_MS = 15_000;
/** Over and above the time that the control plane was asked to wait. */
const POLL_MARGIN_MS = 10_000;
/** A backlog of many edges is stored in turns; and an uplink may have no more than 128 kbit/s for it. */
const LOGS_TIMEOUT_MS = 60_000;
const LOGS_BYTES_PER_MS_MIN = 16;
const SNAPSHOT_SILENCE_MS = 30_000;
// JSON escapes at worst double a body; the record around it is small.
const CHANGES_REPLY_BYTES_MAX = 4 * CHANGES_BYTES_MAX;
const REPLY_BYTES_MAX = 256 * 1024;
const feedIdSchema = z.uuid();

interface Call {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
  readonly timeoutMs?: number;
}

export interface ControlPlaneSettings {
  readonly url: string;
  readonly token: () => Promise<string>;
  /** A call was answered 401 although its token is the newest. */
  readonly onRefused?: () => void;
}

export function createControlPlane(settings: ControlPlaneSettings): ControlPlane {
  const base = settings.url.replace(/\/+$/, "");
  const dispatcher = new Agent({
    connections: 8,
    connect: { timeout: 5_000 },
    headersTimeout: 0,
    bodyTimeout: SNAPSHOT_SILENCE_MS,
  });

  async function send(call: Call, signal: AbortSignal) {
    const deadline = AbortSignal.timeout(call.timeoutMs ?? CALL_TIMEOUT_MS);
    return await request(`${base}/edge/v1${call.path}`, {
      method: call.method,
      headers: call.headers ?? {},
      body: call.body ?? null,
      dispatcher,
      signal: AbortSignal.any([signal, deadline]),
    });
  }

  async function authorised(call: Call, signal: AbortSignal) {
    const token = await settings.token();
    const headers = { ...call.headers, authorization: `Bearer ${token}` };
    const answer = await send({ ...call, headers }, signal);
    if (answer.statusCode === 401 && token === (await settings.token())) settings.onRefused?.();
    return answer;
  }

  return {
    enrol: async (wish, signal) => {
      const answer = await send(jsonCall("/enrol", wish), signal);
      return enrolReplySchema.parse(await expectJson("enrol", answer));
    },
    renew: async (csr, signal) => {
      const answer = await authorised(jsonCall("/renew", { csr }), signal);
      return renewReplySchema.parse(await expectJson("renew", answer)).certificate;
    },
    changes: async (since, signal) => {
      const query = new URLSearchParams({ feed_id: since.feedId, since: `${since.rev}`, wait: `${since.waitSeconds}` });
      const timeoutMs = since.waitSeconds * 1000 + POLL_MARGIN_MS;
      const answer = await authorised({ method: "GET", path: `/changes?${query}`, timeoutMs }, signal);
      const text = await readBody(answer.body, CHANGES_REPLY_BYTES_MAX);
      if (answer.statusCode === 200) return { kind: "changes", reply: changesReplySchema.parse(JSON.parse(text)) };
      if (answer.statusCode === 304) return { kind: "nothing-new" };
      if (answer.statusCode === 409) return { kind: "start-over", why: "another feed" };
      if (answer.statusCode === 410) return { kind: "start-over", why: "too old" };
      throw new ControlPlaneRefusal("changes", answer.statusCode, text);
    },
    snapshot: async (signal) => {
      // A snapshot may take minutes; silence (bodyTimeout) ends it, not its length.
      const answer = await authorised({ method: "GET", path: "/snapshot", timeoutMs: 3_600_000 }, signal);
      if (answer.statusCode !== 200 && answer.statusCode !== 204) {
        throw new ControlPlaneRefusal("snapshot", answer.statusCode, await readBody(answer.body, REPLY_BYTES_MAX));
      }
      const feedId = feedIdSchema.parse(answer.headers[FEED_ID_HEADER]);
      if (answer.statusCode === 200) return { kind: "file", feedId, file: answer.body };
      await answer.body.dump();
      return { kind: "none", feedId };
    },
    feedKeys: async (signal) => {
      const answer = await authorised({ method: "GET", path: "/feed-keys" }, signal);
      return feedKeysReplySchema.parse(await expectJson("feed-keys", answer)).feed_keys;
    },
    report: async (report, signal) => {
      const answer = await authorised(jsonCall("/report", report), signal);
      return reportReplySchema.parse(await expectJson("report", answer));
    },
    logSalts: async (from, signal) => {
      const answer = await authorised({ method: "GET", path: `/log-salts?from=${from}` }, signal);
      return logSaltsReplySchema.parse(await expectJson("log-salts", answer));
    },
    sendLogs: async ({ id, gzip, isRetry }, signal) => {
      const headers = {
        "content-type": "application/x-ndjson",
        "content-encoding": "gzip",
        [BATCH_ID_HEADER]: id,
        ...(isRetry ? { [BATCH_RETRY_HEADER]: "true" } : {}),
      };
      const timeoutMs = LOGS_TIMEOUT_MS + Math.ceil(gzip.length / LOGS_BYTES_PER_MS_MIN);
      const call: Call = { method: "POST", path: "/logs", headers, body: gzip, timeoutMs };
      const answer = await authorised(call, signal);
      const text = await readBody(answer.body, REPLY_BYTES_MAX);
      if (answer.statusCode !== 204) throw new ControlPlaneRefusal("logs", answer.statusCode, text);
    },
    close: () => dispatcher.destroy(),
  };
}

function jsonCall(path: string, body: object): Call {
  return { method: "POST", path, headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}

async function expectJson(call: string, answer: { statusCode: number; body: Readable }): Promise<unknown> {
  const text = await readBody(answer.body, REPLY_BYTES_MAX);
  if (answer.statusCode < 200 || answer.statusCode > 299) throw new ControlPlaneRefusal(call, answer.statusCode, text);
  return JSON.parse(text);
}
