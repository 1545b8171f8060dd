// A small real control plane for tests: speaks /edge/v1 over HTTP and can be told to misbehave. It keeps what it hears in
// memory and nothing else of the real one.
import { randomUUID, X509Certificate } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { gunzipSync } from "node:zlib";
import { decodeProtectedHeader, importX509, jwtVerify } from "jose";
import {
  BATCH_ID_HEADER,
  BATCH_RETRY_HEADER,
  EDGE_TOKEN_AUDIENCE,
  enrolRequestSchema,
  FEED_ID_HEADER,
  type ReportRequest,
  renewRequestSchema,
  reportRequestSchema,
} from "./contract.ts";
import { createTestAuthority } from "./test-authority.ts";
import { createTestFeed, type TestFeed } from "./test-feed.ts";

interface Misbehaviour {
  /** Answered instead of the changes, once each, first in first out. */
  changes: ("409" | "410" | "503" | "cut" | "not json" | "silence")[];
  snapshot: ("cut" | "wrong digest" | "wrong body" | "503")[];
  logs: ("503" | "cut after taking" | "400" | "413")[];
  report: "503"[];
}

export interface TestControlPlane extends TestFeed {
  readonly url: string;
  readonly token: string;
  /** The certificate of the authority that issues to edges. */
  readonly authority: string;
  acceptToken(token: string): void;
  /** What every edge that enrols is given. */
  readonly edgeId: string;
  /** Enrolments that were asked for, refused ones included. */
  readonly enrolments: () => number;
  /** Calls whose credential was not taken. */
  readonly refusals: () => number;
  readonly misbehave: Misbehaviour;
  readonly reports: ReportRequest[];
  /** Log lines by batch id: a batch that comes twice is there once. */
  readonly batches: Map<string, string>;
  readonly logPosts: () => number;
  /** Per sending of a batch: did it say that it may have been there before? */
  readonly retries: () => readonly boolean[];
  readonly snapshotsServed: () => number;
  /** Pages of changes with something in them. */
  readonly pagesServed: () => number;
  /** The edge's certificates are worth nothing any more, and tokens lead to another group of the same feed. */
  moveToAnotherGroup(): void;
  untilReport(fits: (report: ReportRequest) => boolean, timeoutMs?: number): Promise<ReportRequest>;
  untilLogs(fits: (lines: string[]) => boolean, timeoutMs?: number): Promise<string[]>;
  askResync(): void;
  /** As at enrolment; a life of less than a day began a day ago, so that it is more than half over. */
  issueFor(csr: string, validity: { lifetimeMs: number }): string;
  /** Stops listening and cuts connections; `start` listens on the same port again. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

export async function startTestControlPlane(): Promise<TestControlPlane> {
  const authority = createTestAuthority();
  const token = "a-token-of-twenty-or-more-letters";
  const accepted = new Set([token]);
  const edgeId = randomUUID();
  const events = new EventEmitter().setMaxListeners(100);
  const feed = createTestFeed(() => events.emit("appended"));
  const misbehave: Misbehaviour = { changes: [], snapshot: [], logs: [], report: [] };
  const reports: ReportRequest[] = [];
  const batches = new Map<string, string>();
  const retries: boolean[] = [];
  let resync = false;
  let snapshots = 0;
  let pages = 0;
  let enrolments = 0;
  let refusals = 0;

  async function answerChanges(url: URL, response: ServerResponse): Promise<void> {
    const since = Number(url.searchParams.get("since"));
    const fault = misbehave.changes.shift();
    if (fault === "silence") return;
    if (fault === "cut") {
      response.destroy();
      return;
    }
    if (fault === "not json") {
      response.end("<html>");
      return;
    }
    if (fault !== undefined) {
      status(response, Number(fault));
      return;
    }
    const isOfAnotherFeed = () => url.searchParams.get("feed_id") !== feed.feedId();
    if (isOfAnotherFeed()) {
      status(response, 409);
      return;
    }
    if (!feed.reachesBackTo(since)) {
      status(response, 410);
      return;
    }
    if (feed.rev() <= since) {
      const wait = AbortSignal.timeout(Number(url.searchParams.get("wait")) * 1000);
      await once(events, "appended", { signal: wait }).catch(() => {});
    }
    if (isOfAnotherFeed()) {
      status(response, 409);
      return;
    }
    if (feed.rev() <= since) {
      status(response, 304);
      return;
    }
    pages += 1;
    json(response, feed.changesSince(since));
  }

  function answerSnapshot(response: ServerResponse): void {
    const fault = misbehave.snapshot.shift();
    if (fault === "503") {
      status(response, 503);
      return;
    }
    response.setHeader(FEED_ID_HEADER, feed.feedId());
    const file = feed.checkpoint();
    if (file === undefined) {
      status(response, 204);
      return;
    }
    snapshots += 1;
    response.setHeader("content-type", "application/octet-stream");
    if (fault === "cut") {
      response.setHeader("content-length", file.length);
      response.write(file.subarray(0, file.length / 2), () => response.destroy());
      return;
    }
    response.end(spoiled(file, fault));
  }

  function takeReport(body: Buffer, response: ServerResponse): void {
    if (misbehave.report.shift() !== undefined) {
      status(response, 503);
      return;
    }
    reports.push(reportRequestSchema.parse(JSON.parse(body.toString("utf8"))));
    events.emit("report");
    json(response, { resync });
    resync = false;
  }

  function takeLogs(request: IncomingMessage, body: Buffer, response: ServerResponse): void {
    retries.push(request.headers[BATCH_RETRY_HEADER] === "true");
    const fault = misbehave.logs.shift();
    if (fault === "503" || fault === "400" || fault === "413") {
      status(response, Number(fault));
      return;
    }
    const id = String(request.headers[BATCH_ID_HEADER]);
    const text = gunzipSync(body).toString("utf8");
    const before = batches.get(id);
    if (before !== undefined && before !== text) throw new Error(`batch ${id} came again with other bytes`);
    batches.set(id, text);
    events.emit("logs");
    if (fault === "cut after taking") {
      response.destroy();
      return;
    }
    status(response, 204);
  }

  async function authorised(request: IncomingMessage): Promise<boolean> {
    const bearer = request.headers.authorization?.replace(/^Bearer /, "") ?? "";
    const [certificate = ""] = decodeProtectedHeader(bearer).x5c ?? [];
    const pem = `-----BEGIN CERTIFICATE-----\n${certificate}\n-----END CERTIFICATE-----`;
    if (!authority.issued(pem) || Date.parse(new X509Certificate(pem).validTo) <= Date.now()) return false;
    const expected = { audience: EDGE_TOKEN_AUDIENCE, subject: edgeId, maxTokenAge: 60 };
    await jwtVerify(bearer, await importX509(pem, "RS256"), expected);
    return true;
  }

  function enrol(body: Buffer, response: ServerResponse): void {
    const wish = enrolRequestSchema.parse(JSON.parse(body.toString("utf8")));
    enrolments += 1;
    if (!accepted.has(wish.token)) {
      status(response, 401);
      return;
    }
    json(response, {
      edge_id: edgeId,
      scope: feed.scope,
      certificate: authority.issue(wish.csr),
      ca_certificate: authority.certificate,
      feed_keys: feed.currentKey(),
    });
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://test");
    const body = await bodyOf(request);
    if (url.pathname === "/edge/v1/enrol") return enrol(body, response);
    if (!(await authorised(request))) {
      refusals += 1;
      return status(response, 401);
    }
    if (url.pathname === "/edge/v1/changes") return await answerChanges(url, response);
    if (url.pathname === "/edge/v1/feed-keys") return json(response, { feed_keys: feed.offeredKeys() });
    if (url.pathname === "/edge/v1/snapshot") return answerSnapshot(response);
    if (url.pathname === "/edge/v1/report") return takeReport(body, response);
    if (url.pathname === "/edge/v1/logs") return takeLogs(request, body, response);
    if (url.pathname === "/edge/v1/renew") {
      const { csr } = renewRequestSchema.parse(JSON.parse(body.toString("utf8")));
      return json(response, { certificate: authority.issue(csr) });
    }
    status(response, 404);
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      response.statusCode = 500;
      response.end(String(error));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;

  async function until<T>(event: string, find: () => T | undefined, timeoutMs: number, what: () => string): Promise<T> {
    const signal = AbortSignal.timeout(timeoutMs);
    for (;;) {
      const found = find();
      if (found !== undefined) return found;
      await once(events, event, { signal }).catch((cause: unknown) => {
        throw new Error(`waited ${timeoutMs} ms in vain: ${what()}`, { cause });
      });
    }
  }

  function findLines(fits: (lines: string[]) => boolean): string[] | undefined {
    const lines = [...batches.values()]
      .join("")
      .split("\n")
      .filter((line) => line !== "");
    return fits(lines) ? lines : undefined;
  }

  return {
    ...feed,
    get scope() {
      return feed.scope;
    },
    url: `http://127.0.0.1:${port}`,
    token,
    authority: authority.certificate,
    enrolments: () => enrolments,
    refusals: () => refusals,
    acceptToken: (text) => {
      accepted.add(text);
    },
    edgeId,
    misbehave,
    reports,
    batches,
    logPosts: () => retries.length,
    retries: () => retries,
    snapshotsServed: () => snapshots,
    pagesServed: () => pages,
    moveToAnotherGroup: () => {
      authority.forgetIssued();
      feed.beginAnew();
    },
    untilReport: (fits, timeoutMs = 10_000) =>
      until(
        "report",
        () => reports.findLast(fits),
        timeoutMs,
        () => `last report: ${JSON.stringify(reports.at(-1))}`,
      ),
    untilLogs: (fits, timeoutMs = 10_000) =>
      until(
        "logs",
        () => findLines(fits),
        timeoutMs,
        () => `${batches.size} batches`,
      ),
    issueFor: (csr, { lifetimeMs }) => authority.issue(csr, lifetimeMs),
    askResync: () => {
      resync = true;
    },
    stop: async () => {
      events.emit("appended");
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
    start: async () => {
      server.listen(port, "127.0.0.1");
      await once(server, "listening");
    },
  };
}

function spoiled(file: Buffer, fault: "wrong digest" | "wrong body" | undefined): Buffer {
  if (fault === undefined) return file;
  const copy = Buffer.from(file);
  if (fault === "wrong body") {
    copy[copy.length - 3] = (copy[copy.length - 3] ?? 0) ^ 1;
    return copy;
  }
  // One record is missing although the head counts it.
  const text = copy.toString("utf8");
  return Buffer.from(text.slice(0, text.lastIndexOf("\nrecord ") + 1));
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

function status(response: ServerResponse, code: number): void {
  response.statusCode = code;
  response.end();
}

function json(response: ServerResponse, body: object): void {
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify(body));
}
