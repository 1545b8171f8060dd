// A small real control plane for tests: speaks /edge/v1 over HTTP, signs with a real Ed25519 key, and can be told to
// misbehave. It keeps its feed in memory and nothing else of the real one.
import { generateKeyPairSync, type KeyObject, randomUUID, sign, X509Certificate } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { gunzipSync } from "node:zlib";
import { decodeProtectedHeader, importX509, jwtVerify } from "jose";
import forge from "node-forge";
import {
  BATCH_ID_HEADER,
  BATCH_RETRY_HEADER,
  checkpointLine,
  checkpointSigningText,
  EDGE_TOKEN_AUDIENCE,
  enrolRequestSchema,
  FEED_ID_HEADER,
  type FeedKeysReply,
  type FeedRecord,
  feedKeySigningText,
  frame,
  hashOf,
  headerLine,
  type RecordKind,
  type ReportRequest,
  recordSigningText,
  renewRequestSchema,
  reportRequestSchema,
  STATE_HASH_MODULUS,
  stateHashTerm,
} from "./contract.ts";

interface Misbehaviour {
  /** Answered instead of the changes, once each, first in first out. */
  changes: ("409" | "410" | "503" | "cut" | "not json")[];
  snapshot: ("cut" | "wrong digest" | "wrong body" | "503")[];
  logs: ("503" | "cut after taking" | "400")[];
  report: "503"[];
}

export interface TestControlPlane {
  readonly url: string;
  readonly token: string;
  readonly scope: string;
  /** The certificate of the authority that issues to edges. */
  readonly authority: string;
  acceptToken(token: string): void;
  /** Enrolments that were asked for, refused ones included. */
  readonly enrolments: () => number;
  /** Calls whose credential was not taken. */
  readonly refusals: () => number;
  readonly feedKeys: Record<string, string>;
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
  /** Another key signs from now on; only `endorsed` does the former one speak for it. */
  changeKey(id: string, options: { endorsed: boolean }): void;
  feedId(): string;
  rev(): number;
  put(kind: RecordKind, id: string, body: string): FeedRecord;
  remove(kind: RecordKind, id: string): FeedRecord;
  /** Appends a record just as it is. */
  append(record: FeedRecord): void;
  sign(record: Omit<FeedRecord, "signature" | "hash"> & { hash?: string }): FeedRecord;
  /** From now on there is a checkpoint of what is live, and changes before `forgetBefore` are 410. */
  makeCheckpoint(options?: { forget: boolean }): void;
  /** The edge's certificates are worth nothing any more, and tokens lead to another group of the same feed. */
  moveToAnotherGroup(): void;
  /** A restored database: another feed id, the records that `keep` lets through numbered anew. */
  restore(options: { keep: (record: FeedRecord) => boolean; checkpoint: boolean }): void;
  checkpointFile(): Buffer;
  stateHash(): string;
  untilReport(fits: (report: ReportRequest) => boolean, timeoutMs?: number): Promise<ReportRequest>;
  untilLogs(fits: (lines: string[]) => boolean, timeoutMs?: number): Promise<string[]>;
  askResync(): void;
  /** As at enrolment; a life of less than a day began a day ago, so that it is more than half over. */
  issueFor(csr: string, validity: { lifetimeMs: number }): string;
  /** Stops listening and cuts connections; `start` listens on the same port again. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

const DAY_MS = 24 * 3_600_000;
const KEY_ID = "test-1";

export async function startTestControlPlane(): Promise<TestControlPlane> {
  let { privateKey, publicKey } = generateKeyPairSync("ed25519");
  let keyId = KEY_ID;
  const offered: FeedKeysReply["feed_keys"] = [];
  const authority = createAuthority();
  let scope: string = randomUUID();
  const edgeId = randomUUID();
  const token = "a-token-of-twenty-or-more-letters";
  const accepted = new Set([token]);
  const events = new EventEmitter().setMaxListeners(100);
  const misbehave: Misbehaviour = { changes: [], snapshot: [], logs: [], report: [] };
  const reports: ReportRequest[] = [];
  const batches = new Map<string, string>();
  const live = new Map<string, FeedRecord>();
  let feedId: string = randomUUID();
  let rev = 0;
  let oldest = 0;
  let checkpoint: { rev: number; file: Buffer } | undefined;
  let resync = false;
  const retries: boolean[] = [];
  let snapshots = 0;
  let pages = 0;
  let enrolments = 0;
  let refusals = 0;

  function signText(text: string): string {
    return `${keyId}:${sign(null, Buffer.from(text), privateKey).toString("base64")}`;
  }

  function signed(record: Omit<FeedRecord, "signature" | "hash"> & { hash?: string }): FeedRecord {
    const whole = { ...record, hash: record.hash ?? hashOf(record.body) };
    return { ...whole, signature: signText(recordSigningText({ feedId, scope }, whole)) };
  }

  function append(record: FeedRecord): void {
    rev = Math.max(rev, record.rev);
    live.set(`${record.kind}|${record.id}`, record);
    events.emit("appended");
  }

  function checkpointOf(): Buffer {
    const records = [...live.values()]
      .filter(({ op }) => op === "put")
      .map((record) => ({ ...record, signature: "-" }));
    const digest = hashOf(records.map(headerLine).join(""));
    const head = { feedId, scope, rev, count: records.length, digest };
    const line = checkpointLine({ ...head, signature: signText(checkpointSigningText(head)) });
    return Buffer.from(line + records.map(frame).join(""));
  }

  function changesSince(since: number) {
    const records = [...live.values()].filter((record) => record.rev > since).sort((a, b) => a.rev - b.rev);
    const page: FeedRecord[] = [];
    let bytes = 0;
    for (const record of records) {
      if (page.length > 0 && bytes + record.body.length > 4_000_000) break;
      page.push(record);
      bytes += record.body.length + 400;
    }
    const more = page.length < records.length;
    return {
      feed_id: feedId,
      from: since,
      to: more ? (page.at(-1)?.rev ?? since) : rev,
      more,
      checkpoint: checkpoint?.rev ?? 0,
      records: page,
    };
  }

  async function answerChanges(url: URL, response: ServerResponse): Promise<void> {
    const since = Number(url.searchParams.get("since"));
    const fault = misbehave.changes.shift();
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
    if (url.searchParams.get("feed_id") !== feedId) {
      status(response, 409);
      return;
    }
    if (since < oldest || since > rev) {
      status(response, 410);
      return;
    }
    if (rev <= since) {
      const wait = AbortSignal.timeout(Number(url.searchParams.get("wait")) * 1000);
      await once(events, "appended", { signal: wait }).catch(() => {});
    }
    if (url.searchParams.get("feed_id") !== feedId) {
      status(response, 409);
      return;
    }
    if (rev <= since) {
      status(response, 304);
      return;
    }
    pages += 1;
    json(response, changesSince(since));
  }

  function answerSnapshot(response: ServerResponse): void {
    const fault = misbehave.snapshot.shift();
    if (fault === "503") {
      status(response, 503);
      return;
    }
    response.setHeader(FEED_ID_HEADER, feedId);
    if (checkpoint === undefined) {
      status(response, 204);
      return;
    }
    snapshots += 1;
    response.setHeader("content-type", "application/octet-stream");
    if (fault === "cut") {
      response.setHeader("content-length", checkpoint.file.length);
      response.write(checkpoint.file.subarray(0, checkpoint.file.length / 2), () => response.destroy());
      return;
    }
    response.end(spoiled(checkpoint.file, fault));
  }

  function takeReport(body: Buffer, response: ServerResponse): void {
    if (misbehave.report.shift() !== undefined) {
      status(response, 503);
      return;
    }
    const report = reportRequestSchema.parse(JSON.parse(body.toString("utf8")));
    reports.push(report);
    events.emit("report");
    json(response, { resync });
    resync = false;
  }

  function takeLogs(request: IncomingMessage, body: Buffer, response: ServerResponse): void {
    retries.push(request.headers[BATCH_RETRY_HEADER] === "true");
    const fault = misbehave.logs.shift();
    if (fault === "503" || fault === "400") {
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
    await jwtVerify(bearer, await importX509(pem, "RS256"), {
      audience: EDGE_TOKEN_AUDIENCE,
      subject: edgeId,
      maxTokenAge: 60,
    });
    return true;
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://test");
    const body = await bodyOf(request);
    if (url.pathname === "/edge/v1/enrol") {
      const wish = enrolRequestSchema.parse(JSON.parse(body.toString("utf8")));
      enrolments += 1;
      if (!accepted.has(wish.token)) {
        status(response, 401);
        return;
      }
      const certificate = authority.issue(wish.csr);
      const keys = { [keyId]: pemOf(publicKey) };
      return json(response, {
        edge_id: edgeId,
        scope,
        certificate,
        ca_certificate: authority.certificate,
        feed_keys: keys,
      });
    }
    if (!(await authorised(request))) {
      refusals += 1;
      status(response, 401);
      return;
    }
    if (url.pathname === "/edge/v1/changes") return await answerChanges(url, response);
    if (url.pathname === "/edge/v1/feed-keys") return json(response, { feed_keys: offered });
    if (url.pathname === "/edge/v1/snapshot") return answerSnapshot(response);
    if (url.pathname === "/edge/v1/report") return takeReport(body, response);
    if (url.pathname === "/edge/v1/logs") return takeLogs(request, body, response);
    if (url.pathname === "/edge/v1/renew") {
      return json(response, {
        certificate: authority.issue(renewRequestSchema.parse(JSON.parse(body.toString("utf8"))).csr),
      });
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

  return {
    url: `http://127.0.0.1:${port}`,
    token,
    get scope() {
      return scope;
    },
    authority: authority.certificate,
    enrolments: () => enrolments,
    refusals: () => refusals,
    acceptToken: (text) => {
      accepted.add(text);
    },
    feedKeys: { [KEY_ID]: pemOf(publicKey) },
    misbehave,
    reports,
    batches,
    logPosts: () => retries.length,
    retries: () => retries,
    snapshotsServed: () => snapshots,
    pagesServed: () => pages,
    changeKey: (id, { endorsed }) => {
      const next = generateKeyPairSync("ed25519");
      const raw = next.publicKey.export({ type: "spki", format: "der" }).subarray(-32).toString("base64");
      const endorsement = endorsed ? signText(feedKeySigningText({ id, publicKey: raw })) : null;
      offered.unshift({ id, public_key: raw, endorsement });
      offered.splice(2);
      ({ privateKey, publicKey } = next);
      keyId = id;
    },
    feedId: () => feedId,
    rev: () => rev,
    put: (kind, id, body) => {
      const record = signed({ kind, id, rev: rev + 1, op: "put", body });
      append(record);
      return record;
    },
    remove: (kind, id) => {
      const record = signed({ kind, id, rev: rev + 1, op: "del", body: "" });
      append(record);
      return record;
    },
    append,
    sign: signed,
    makeCheckpoint: ({ forget } = { forget: false }) => {
      checkpoint = { rev, file: checkpointOf() };
      if (forget) oldest = rev;
    },
    moveToAnotherGroup: () => {
      authority.forgetIssued();
      scope = randomUUID();
      live.clear();
      rev = 0;
      checkpoint = undefined;
    },
    restore: ({ keep, checkpoint: withCheckpoint }) => {
      feedId = randomUUID();
      const records = [...live.values()].filter(keep);
      live.clear();
      rev = 0;
      oldest = 0;
      for (const { kind, id, body } of records) append(signed({ kind, id, rev: rev + 1, op: "put", body }));
      checkpoint = withCheckpoint ? { rev, file: checkpointOf() } : undefined;
      events.emit("appended");
    },
    checkpointFile: checkpointOf,
    stateHash: () => {
      const sum = [...live.values()]
        .filter(({ op }) => op === "put")
        .reduce((total, record) => total + stateHashTerm(record), 0n);
      return (sum % STATE_HASH_MODULUS).toString(16).padStart(64, "0");
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
        () => {
          const lines = [...batches.values()]
            .join("")
            .split("\n")
            .filter((line) => line !== "");
          return fits(lines) ? lines : undefined;
        },
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

function createAuthority() {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const signingKey = forge.pki.privateKeyFromPem(pemOf(privateKey));
  const name = [{ name: "commonName", value: "test authority" }];
  const issuedPems = new Set<string>();
  let serial = 1;

  function certify(
    holderKey: forge.pki.PublicKey,
    subject: forge.pki.CertificateField[],
    lifetimeMs = 30 * DAY_MS,
  ): string {
    const certificate = forge.pki.createCertificate();
    certificate.serialNumber = `${serial++}`.padStart(2, "0");
    certificate.publicKey = holderKey;
    // A life that is shorter than a day is over half: it began a day ago.
    if (lifetimeMs < DAY_MS) certificate.validity.notBefore = new Date(Date.now() - DAY_MS);
    certificate.validity.notAfter = new Date(Date.now() + lifetimeMs);
    certificate.setSubject(subject);
    certificate.setIssuer(name);
    certificate.sign(signingKey, forge.md.sha256.create());
    return forge.pki.certificateToPem(certificate);
  }

  return {
    certificate: certify(forge.pki.publicKeyFromPem(pemOf(publicKey)), name),
    issue: (csrPem: string, lifetimeMs?: number): string => {
      const csr = forge.pki.certificationRequestFromPem(csrPem);
      if (!csr.verify() || csr.publicKey === null) throw new Error("the request does not prove its key");
      const certificate = certify(csr.publicKey, csr.subject.attributes, lifetimeMs);
      issuedPems.add(certificate.replace(/-----[^-]+-----|\s/g, ""));
      return certificate;
    },
    forgetIssued: () => issuedPems.clear(),
    issued: (pem: string) => issuedPems.has(pem.replace(/-----[^-]+-----|\s/g, "")),
  };
}

function pemOf(key: KeyObject): string {
  return key.export({ type: key.type === "private" ? "pkcs8" : "spki", format: "pem" }).toString();
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
