import { randomUUID, X509Certificate } from "node:crypto";
import forge from "node-forge";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import type { EnrolRequest, ReportRequest } from "../../../agents/contract.ts";
import { edgeGroupSettingsSchema } from "../../../edge-templates/index.ts";
import { createSeal } from "../../../platform/seal.ts";
import { createTestDatabase, type TestDatabase } from "../../database/test-database.ts";
import { inTransaction } from "../../database/transaction.ts";
import { platformActor } from "../../http/caller.ts";
import { createEdgeAuthority, edgeUri } from "./authority.ts";
import { createEdgeGroupService, type EdgeGroupService } from "./group-service.ts";
import { findGroup } from "./group-store.ts";
import { listLogsBehind } from "./log-store.ts";
import { createEdgeNodeService, type EdgeNodeService, gainCapabilities, recordReport } from "./service.ts";
import { findProgress, hasReportedSince } from "./store.ts";
import { capabilities, createTestKey } from "./test-agent.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const settings = edgeGroupSettingsSchema.parse({});
const seal = createSeal(Buffer.alloc(32, 0x0f));
const key = createTestKey();
const feedKeys = { "key-1": "the feed's public key" };

let database: TestDatabase;
let now: Date;
const clock = () => now;
let groups: EdgeGroupService;
let edgeNodes: EdgeNodeService;
let groupId: string;

beforeAll(async () => {
  database = await createTestDatabase();
  const authority = createEdgeAuthority({ db: database.db, seal, clock: () => new Date() });
  groups = createEdgeGroupService({ db: database.db, clock, countUses: async () => 0, forgetSecrets: async () => {} });
  edgeNodes = createEdgeNodeService({ db: database.db, authority, clock, feedKeys: async () => feedKeys });
});
afterAll(() => database?.stop());

beforeEach(async () => {
  now = new Date();
  groupId = (await ensureGroup(`group ${randomUUID()}`)).id;
});

function ensureGroup(name: string, changes: object = {}) {
  return inTransaction(database.db, (tx) => groups.ensure(tx, { name, settings: { ...settings, ...changes } }));
}

function newToken() {
  return inTransaction(database.db, (tx) => edgeNodes.createEnrolmentToken(tx, groupId));
}

function request(token: string, changes: Partial<EnrolRequest> = {}): EnrolRequest {
  return { token, name: "edge-1", csr: key.csr, capabilities, ...changes };
}

async function enrolled(changes: Partial<EnrolRequest> = {}) {
  return edgeNodes.enrol(request((await newToken()).token, changes));
}

function jobsOf(id: string): Promise<unknown[]> {
  return database.db("outbox").where({ job: "edge-group.changed" }).whereRaw("payload->>'group_id' = ?", [id]);
}

function aReport(changes: Partial<ReportRequest> = {}): ReportRequest {
  return {
    feed_id: randomUUID(),
    boot_id: randomUUID(),
    seq: 1,
    applied: 5,
    refused: [],
    state_hash: "0".repeat(64),
    structure: 1,
    documents: 3,
    capabilities,
    ...changes,
  };
}

describe("a group", () => {
  test("is made once and stays as it is when nothing differs", async () => {
    const first = await ensureGroup("paris");
    expect(await ensureGroup("paris")).toEqual(first);
    expect(first.version).toBe(1);
  });

  test("gets a higher version and a job when its settings change", async () => {
    const { id } = await ensureGroup("berlin");
    const changed = await ensureGroup("berlin", { workers: { count: 2, connections: 1024 } });
    expect(changed).toMatchObject({ id, version: 2, settings: { workers: { count: 2 } } });
    expect(await jobsOf(id)).toHaveLength(1);
  });

  test("is made once by two who make it at the same time", async () => {
    const [one, other] = await Promise.all([ensureGroup("rome"), ensureGroup("rome")]);
    expect(one.id).toBe(other.id);
  });

  test("can do what all its nodes can do, and a change raises its version", async () => {
    await enrolled({ name: "new" });
    expect(await findGroup(database.db, groupId)).toMatchObject({ capabilities, version: 2 });
    await enrolled({
      name: "old",
      capabilities: { nginx: "1.9.15", http3: false, http2_directive: false, balancer_keepalive: false, brotli: false },
    });
    expect(await findGroup(database.db, groupId)).toMatchObject({
      capabilities: { nginx: "1.9.15", http3: false, http2_directive: false, balancer_keepalive: false, brotli: false },
      version: 3,
    });
    await enrolled({ name: "another new" });
    expect(await findGroup(database.db, groupId)).toMatchObject({ version: 3 });
    expect(await jobsOf(groupId)).toHaveLength(2);
  });
});

describe("enrolment", () => {
  test("gives a 30-day client certificate that names the edge, and what the agent pins", async () => {
    const token = await newToken();
    const reply = await edgeNodes.enrol(request(token.token));
    const certificate = new X509Certificate(reply.certificate);
    const ca = new X509Certificate(reply.ca_certificate);
    expect(certificate.checkIssued(ca) && certificate.verify(ca.publicKey)).toBe(true);
    expect(certificate.ca).toBe(false);
    expect(certificate.subject).toBe(`CN=${reply.edge_id}\nOU=${reply.scope}`);
    expect(certificate.subjectAltName).toBe(
      `URI:${edgeUri(reply.edge_id)}, DNS:${reply.edge_id}.${reply.scope}.edges.internal`,
    );
    expect(Math.round((Date.parse(certificate.validTo) - now.getTime()) / DAY_MS)).toBe(30);
    expect(reply).toMatchObject({ scope: groupId, feed_keys: feedKeys });
  });

  test("works once per token", async () => {
    const { token } = await newToken();
    await edgeNodes.enrol(request(token));
    await expect(edgeNodes.enrol(request(token))).rejects.toMatchObject({ kind: { status: 401 } });
  });

  test("works for one of two who use a token at the same time", async () => {
    const { token } = await newToken();
    const outcomes = await Promise.allSettled([
      edgeNodes.enrol(request(token, { name: "a" })),
      edgeNodes.enrol(request(token, { name: "b" })),
    ]);
    expect(outcomes.map((outcome) => outcome.status).sort()).toEqual(["fulfilled", "rejected"]);
  });

  test("is refused 15 minutes after the token was made", async () => {
    const { token, expiresAt } = await newToken();
    expect(expiresAt.getTime() - now.getTime()).toBe(15 * MINUTE_MS);
    now = expiresAt;
    await expect(edgeNodes.enrol(request(token))).rejects.toMatchObject({ kind: { status: 401 } });
  });

  test("is refused with a token that nobody made", async () => {
    await expect(edgeNodes.enrol(request("x".repeat(43)))).rejects.toMatchObject({ kind: { status: 401 } });
  });

  test("keeps nothing of the token that would let a reader of the database enrol", async () => {
    const { token } = await newToken();
    const rows: unknown = await database.db("edge_enrolment_token");
    expect(JSON.stringify(rows)).not.toContain(token.slice(0, 20));
  });

  test("names the fault of a signing request, and the token stays good", async () => {
    const { token } = await newToken();
    const broken = { "not PEM": "hello", "a short key": createTestKey({ bits: 1024 }).csr, forged: forgedRequest() };
    for (const csr of Object.values(broken)) {
      await expect(edgeNodes.enrol(request(token, { csr }))).rejects.toMatchObject({
        kind: { status: 422 },
        errors: [{ pointer: "/csr" }],
      });
    }
    await edgeNodes.enrol(request(token));
  });

  test("under a known name replaces the node, whose old certificate ends at once", async () => {
    const first = await enrolled();
    const again = await enrolled();
    expect(again.edge_id).toBe(first.edge_id);
    expect(await database.db("edge_certificate").where({ edge_id: first.edge_id })).toHaveLength(1);
  });

  test("under one name by two at once makes one node, and none of them fails", async () => {
    const tokens = await Promise.all(Array.from({ length: 6 }, newToken));
    const replies = await Promise.all(tokens.map(({ token }) => edgeNodes.enrol(request(token, { name: "twin" }))));
    expect(new Set(replies.map(({ edge_id }) => edge_id)).size).toBe(1);
    expect(await database.db("edge_certificate").where({ edge_id: replies[0]?.edge_id })).toHaveLength(1);
  });

  test("waits while there is no feed key to pin", async () => {
    const authority = createEdgeAuthority({ db: database.db, seal, clock });
    const early = createEdgeNodeService({ db: database.db, authority, clock, feedKeys: async () => ({}) });
    const { token } = await newToken();
    await expect(early.enrol(request(token))).rejects.toMatchObject({ kind: { status: 503 } });
    await edgeNodes.enrol(request(token));
  });
});

test("two processes that start at the same time make one authority", async () => {
  const fresh = await createTestDatabase();
  try {
    const make = () => createEdgeAuthority({ db: fresh.db, seal, clock: () => new Date() })();
    const [one, other] = await Promise.all([make(), make()]);
    expect(one.certificatePem).toBe(other.certificatePem);
    const stored: unknown = await fresh.db("platform_secret");
    expect(JSON.stringify(stored)).not.toContain("PRIVATE KEY");
  } finally {
    await fresh.stop();
  }
});

test("a renewal leaves the old certificate usable for a day, however often it is asked for", async () => {
  const { edge_id: edgeId } = await enrolled();
  const usable = async () => database.db("edge_certificate").where({ edge_id: edgeId }).where("usable_until", ">", now);
  await edgeNodes.renew({ edgeId, scope: groupId }, key.csr);
  now = new Date(now.getTime() + DAY_MS / 2);
  await edgeNodes.renew({ edgeId, scope: groupId }, key.csr);
  expect(await usable()).toHaveLength(3);
  now = new Date(now.getTime() + DAY_MS / 2 + MINUTE_MS);
  expect(await usable()).toHaveLength(2);
});

test("an edge that was removed after it was authenticated has nothing to renew", async () => {
  const { edge_id: edgeId } = await enrolled();
  await edgeNodes.removeNode(platformActor, edgeId);
  await expect(edgeNodes.renew({ edgeId, scope: groupId }, key.csr)).rejects.toMatchObject({ kind: { status: 401 } });
});

describe("a report", () => {
  async function report(edgeId: string, changes: Partial<ReportRequest>) {
    return inTransaction(database.db, (tx) =>
      recordReport(tx, { edgeId, report: aReport(changes), feedId: changes.feed_id ?? null, now }),
    );
  }

  test("of an edge that gains and loses a module to and fro changes its group twice in ten minutes, not each time", async () => {
    const { edge_id: edgeId } = await enrolled();
    await enrolled({ name: "steady" });
    const version = async () => (await findGroup(database.db, groupId))?.version ?? 0;
    const before = await version();
    const boot_id = randomUUID();
    for (let seq = 1; seq <= 20; seq += 1) {
      now = new Date(now.getTime() + 10_000);
      await report(edgeId, { boot_id, seq, capabilities: { ...capabilities, brotli: seq % 2 === 0 } });
    }
    expect(await version()).toBe(before + 1);
    expect(await findGroup(database.db, groupId)).toMatchObject({ capabilities: { brotli: false } });

    // Its last word was that it can: nobody says anything new, and the group learns it for all that.
    await gainCapabilities(database.db, now);
    expect(await version()).toBe(before + 1);
    now = new Date(now.getTime() + 10 * MINUTE_MS);
    await gainCapabilities(database.db, now);
    expect(await findGroup(database.db, groupId)).toMatchObject({
      capabilities: { brotli: true },
      version: before + 2,
    });
    await gainCapabilities(database.db, now);
    expect(await version()).toBe(before + 2);
  });

  test("is kept unless a later one of the same boot was there first", async () => {
    const { edge_id: edgeId } = await enrolled();
    const boot_id = randomUUID();
    expect(await report(edgeId, { boot_id, seq: 7 })).toMatchObject({ previous: null });
    expect(await report(edgeId, { boot_id, seq: 6 })).toBeUndefined();
    expect(await report(edgeId, { boot_id, seq: 8 })).toMatchObject({ previous: { seq: 7 } });
    expect(await report(edgeId, { seq: 1 })).toMatchObject({ previous: { seq: 8 } });
  });

  test("tells how far the log is sent, and each loss counts once however often it is told", async () => {
    const { edge_id } = await enrolled();
    const boot_id = randomUUID();
    const yesterday = new Date(now.getTime() - DAY_MS).toISOString().slice(0, 10);
    const written = (text: string) => Date.parse(`${yesterday}T${text}Z`);
    const loss = { at: written("12:00"), from: written("10:00"), to: written("10:30"), lines: 400 };
    const logs = { behind_since: written("11:00"), unsent_bytes: 5, lost_lines: 400, losses: [loss] };
    await report(edge_id, { boot_id, seq: 1, logs });
    await report(edge_id, { boot_id, seq: 2, logs });
    const seenSince = new Date(now.getTime() - 60_000);
    const isBehind = async (before: string) =>
      (await listLogsBehind(database.db, { seenSince, before: new Date(written(before)) })).some(
        (one) => one.edgeId === edge_id,
      );
    expect([await isBehind("11:01"), await isBehind("10:59")]).toEqual([true, false]);
    const first = { lines: 400, written_from: new Date(loss.from), written_to: new Date(loss.to) };
    expect(await lossesOf(edge_id)).toEqual([first]);
    const second = { ...loss, at: written("13:00"), from: written("10:31"), lines: 7, to: written("10:40") };
    const later = { ...logs, behind_since: null, lost_lines: 407, losses: [loss, second] };
    await report(edge_id, { boot_id, seq: 3, logs: later });
    expect(await lossesOf(edge_id)).toEqual([
      first,
      { lines: 7, written_from: new Date(second.from), written_to: new Date(second.to) },
    ]);
    expect(await isBehind("11:01")).toBe(false);
  });

  async function lossesOf(edge_id: string) {
    return z
      .array(z.object({ lines: z.coerce.number(), written_from: z.date(), written_to: z.date() }))
      .parse(await database.db("edge_log_loss").where({ edge_id }).orderBy("written_to"));
  }

  test("tells no loss that cannot be, and what was lost 400 days ago goes with the next", async () => {
    const { edge_id } = await enrolled();
    const before = now.getTime();
    const tell = (seq: number, at: number, boundaries: { from: number; to: number }) => {
      const losses = [{ at, ...boundaries, lines: 2 ** 53 - 1 }];
      return report(edge_id, { seq, logs: { behind_since: null, unsent_bytes: 0, lost_lines: seq, losses } });
    };
    await tell(1, before, { from: 8_640_000_000_000, to: 0 });
    expect(await lossesOf(edge_id)).toEqual([
      {
        lines: 10_000_000_000,
        written_from: new Date(before - 90 * DAY_MS),
        written_to: new Date(before + 5 * 60_000),
      },
    ]);
    now = new Date(before + 399 * DAY_MS);
    await tell(2, now.getTime(), { from: now.getTime(), to: now.getTime() });
    expect(await lossesOf(edge_id)).toHaveLength(2);
    now = new Date(before + 401 * DAY_MS);
    await tell(3, before, { from: before, to: before });
    expect((await lossesOf(edge_id)).map((row) => row.written_to)).toEqual([new Date(before + 399 * DAY_MS)]);
  });

  test("makes its node one that has reported since, when it follows this feed", async () => {
    const group = `group ${randomUUID()}`;
    groupId = (await ensureGroup(group)).id;
    const { edge_id: edgeId } = await enrolled();
    const since = new Date(now);
    const reported = (from: Date) => hasReportedSince(database.db, { group, since: from });
    await report(edgeId, { seq: 1 });
    expect(await reported(since)).toBe(false);
    await report(edgeId, { seq: 2, feed_id: randomUUID() });
    expect(await reported(since)).toBe(true);
    expect(await reported(new Date(now.getTime() + 1))).toBe(false);
    await enrolled();
    expect(await reported(since)).toBe(false);
  });

  test("counts in the group's progress while its edge was seen lately and follows this feed", async () => {
    const feedId = randomUUID();
    const [one, other] = [await enrolled({ name: "one" }), await enrolled({ name: "other" })];
    const progress = async (seenSince: Date) =>
      (await findProgress(database.db, { feedId, seenSince, groupId })).get(groupId);
    const ago = (ms: number) => new Date(now.getTime() - ms);
    expect(await progress(ago(MINUTE_MS))).toEqual({ nodes: 2, live: 0, applied: 0 });
    await report(one.edge_id, { feed_id: feedId, applied: 9 });
    expect(await progress(ago(MINUTE_MS))).toEqual({ nodes: 2, live: 1, applied: 9 });
    now = new Date(now.getTime() + 2 * MINUTE_MS);
    await report(other.edge_id, { feed_id: feedId, applied: 4 });
    expect(await progress(ago(MINUTE_MS))).toEqual({ nodes: 2, live: 1, applied: 4 });
    expect(await progress(ago(3 * MINUTE_MS))).toEqual({ nodes: 2, live: 2, applied: 4 });
    await report(other.edge_id, { applied: 400 });
    expect(await progress(ago(MINUTE_MS))).toEqual({ nodes: 2, live: 1, applied: 0 });
  });
});

/** Asks a certificate for another's key: the signature is not of the key inside. */
function forgedRequest(): string {
  const mine = createTestKey();
  const theirs = forge.pki.certificationRequestFromPem(key.csr);
  if (theirs.publicKey === null) throw new Error("a request without a key");
  const forged = forge.pki.createCertificationRequest();
  forged.publicKey = theirs.publicKey;
  forged.setSubject([{ name: "commonName", value: "edge" }]);
  forged.sign(forge.pki.privateKeyFromPem(mine.pem), forge.md.sha256.create());
  return forge.pki.certificationRequestToPem(forged);
}
