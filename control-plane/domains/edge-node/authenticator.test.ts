import { randomUUID, X509Certificate } from "node:crypto";
import { SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { edgeGroupSettingsSchema } from "../../../edge-templates/index.ts";
import { createSeal } from "../../../platform/seal.ts";
import { createTestDatabase, type TestDatabase } from "../../database/test-database.ts";
import { inTransaction } from "../../database/transaction.ts";
import { createEdgeAuthenticator, type EdgeAuthenticator } from "./authenticator.ts";
import { createEdgeAuthority } from "./authority.ts";
import { createEdgeGroupService, type EdgeGroupService } from "./group-service.ts";
import { createEdgeNodeService, type EdgeNodeService } from "./service.ts";
import { capabilities, createTestKey, edgeToken, x5cOf } from "./test-agent.ts";

const DAY_MS = 86_400_000;
const seal = createSeal(Buffer.alloc(32, 0x0f));
const now = new Date();
const key = createTestKey();
const otherKey = createTestKey();

let database: TestDatabase;
let groups: EdgeGroupService;
let edgeNodes: EdgeNodeService;
let groupId: string;
let authority: ReturnType<typeof createEdgeAuthority>;
let authenticate: EdgeAuthenticator;
let agent: { edgeId: string; certificate: string; key: typeof key.key };

beforeAll(async () => {
  database = await createTestDatabase();
  const { db } = database;
  authority = createEdgeAuthority({ db, seal, clock: () => now });
  groups = createEdgeGroupService({ db, clock: () => now, countUses: async () => 0, forgetSecrets: async () => {} });
  edgeNodes = createEdgeNodeService({ db, authority, clock: () => now, feedKeys: async () => ({ key: "pem" }) });
  const settings = edgeGroupSettingsSchema.parse({});
  groupId = (await inTransaction(db, (tx) => groups.ensure(tx, { name: "group", settings }))).id;
  agent = await enrolledAgent("edge-1", key);
  authenticate = createEdgeAuthenticator({ db, authority, clock: () => now });
});
afterAll(() => database?.stop());

async function enrolledAgent(name: string, own: typeof key) {
  const { token } = await inTransaction(database.db, (tx) => edgeNodes.createEnrolmentToken(tx, groupId));
  const reply = await edgeNodes.enrol({ token, name, csr: own.csr, capabilities });
  return { edgeId: reply.edge_id, certificate: reply.certificate, key: own.key };
}

/** By the same clock as what recognises it: a slow machine makes no token one from the future. */
const tokenOf: typeof edgeToken = (agent, changes) => edgeToken(agent, { now, ...changes });

function asks(token: string | undefined, by: EdgeAuthenticator = authenticate) {
  return by({
    header: (name) => (name === "authorization" && token !== undefined ? `Bearer ${token}` : undefined),
  });
}

const aRefusal = { kind: { status: 401 } };

describe("an agent is known", () => {
  test("by a fresh token that its own key signed, with the certificate beside it", async () => {
    expect(await asks(await tokenOf(agent))).toEqual({ edgeId: agent.edgeId, scope: groupId });
    expect(await asks(await tokenOf(agent, { ageS: 59 }))).toEqual({ edgeId: agent.edgeId, scope: groupId });
  });

  test("by its new certificate and, for a while, by the one before", async () => {
    const renewing = await enrolledAgent("renewing", otherKey);
    const certificate = await edgeNodes.renew({ edgeId: renewing.edgeId, scope: groupId }, otherKey.csr);
    expect(await asks(await tokenOf({ ...renewing, certificate }))).toMatchObject({ edgeId: renewing.edgeId });
    expect(await asks(await tokenOf(renewing))).toMatchObject({ edgeId: renewing.edgeId });
    const dayAfter = new Date(now.getTime() + 1.1 * DAY_MS);
    const later = createEdgeAuthenticator({ db: database.db, authority, clock: () => dayAfter });
    const tokenLater = (pem: string) => tokenOf({ ...renewing, certificate: pem }, { now: dayAfter });
    expect(await asks(await tokenLater(certificate), later)).toMatchObject({ edgeId: renewing.edgeId });
    await expect(asks(await tokenLater(renewing.certificate), later)).rejects.toMatchObject(aRefusal);
  });
});

describe("nobody is let in", () => {
  test("without a token, or with something that is none", async () => {
    await expect(asks(undefined)).rejects.toMatchObject(aRefusal);
    await expect(asks("a.b.c")).rejects.toMatchObject(aRefusal);
    await expect(asks("x".repeat(20_000))).rejects.toMatchObject(aRefusal);
  });

  test("with a token older than a minute, or from the future", async () => {
    await expect(asks(await tokenOf(agent, { ageS: 70 }))).rejects.toMatchObject(aRefusal);
    await expect(asks(await tokenOf(agent, { ageS: -70 }))).rejects.toMatchObject(aRefusal);
  });

  test("with a token that has ended by its own word", async () => {
    const exp = Math.floor(now.getTime() / 1000) - 10;
    await expect(asks(await tokenOf(agent, { claims: { exp } }))).rejects.toMatchObject(aRefusal);
  });

  test("with a token for another audience", async () => {
    await expect(asks(await tokenOf(agent, { claims: { aud: "somebody-else" } }))).rejects.toMatchObject(aRefusal);
  });

  test("with a token for another edge", async () => {
    await expect(asks(await tokenOf(agent, { claims: { sub: randomUUID() } }))).rejects.toMatchObject(aRefusal);
  });

  test("with another edge's certificate and one's own key", async () => {
    const stolen = { ...agent, key: otherKey.key };
    await expect(asks(await tokenOf(stolen))).rejects.toMatchObject(aRefusal);
  });

  test("with alg none", async () => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const header = part({ alg: "none", x5c: [x5cOf(agent.certificate)] });
    const claims = (await tokenOf(agent)).split(".")[1];
    await expect(asks(`${header}.${claims}.`)).rejects.toMatchObject(aRefusal);
    await expect(asks(`${header}.${claims}.AAAA`)).rejects.toMatchObject(aRefusal);
  });

  test("with HS256 and the public key as the secret", async () => {
    const { publicKey } = new X509Certificate(agent.certificate);
    const secret = Buffer.from(publicKey.export({ type: "spki", format: "pem" }).toString());
    const token = await new SignJWT({ aud: "edgewright-edge", sub: agent.edgeId })
      .setProtectedHeader({ alg: "HS256", x5c: [x5cOf(agent.certificate)] })
      .setIssuedAt()
      .setExpirationTime("1m")
      .sign(secret);
    await expect(asks(token)).rejects.toMatchObject(aRefusal);
  });

  test("with a certificate of another authority, though it names the same edge", async () => {
    const elsewhere = await createTestDatabase();
    try {
      const foreign = await createEdgeAuthority({ db: elsewhere.db, seal, clock: () => now })();
      const publicKey = new X509Certificate(agent.certificate).publicKey.export({ type: "spki", format: "pem" });
      const issued = foreign.issue({ edgeId: agent.edgeId, groupId, publicKey: publicKey.toString(), now });
      await expect(asks(await tokenOf({ ...agent, ...issued }))).rejects.toMatchObject(aRefusal);
    } finally {
      await elsewhere.stop();
    }
  });

  test("with the authority's own certificate", async () => {
    const certificate = (await authority()).certificatePem;
    await expect(asks(await tokenOf({ ...agent, certificate }))).rejects.toMatchObject(aRefusal);
  });

  test("with a certificate of our authority that no node has, such as that of a node which enrolled again", async () => {
    const first = await enrolledAgent("twice", key);
    await enrolledAgent("twice", key);
    await expect(asks(await tokenOf(first))).rejects.toMatchObject(aRefusal);
  });

  test("after the certificate has ended", async () => {
    const later = new Date(now.getTime() + 31 * DAY_MS);
    const then = createEdgeAuthenticator({ db: database.db, authority, clock: () => later });
    await expect(asks(await tokenOf(agent, { now: later }), then)).rejects.toMatchObject(aRefusal);
  });
});
