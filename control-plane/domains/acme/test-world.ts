// An authority (Pebble), a name server (Knot) that knows every name below `test`, somebody who answers challenges from the feed as
// edges do, and a database, for the tests of this domain.
import { generateKeyPairSync, randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout } from "node:timers/promises";
import { CHALLENGE_PATH, challengeBodySchema } from "../../../agents/contract.ts";
import { edgeGroupSettingsSchema } from "../../../edge-templates/index.ts";
import { createResolver } from "../../../platform/dns/resolver.ts";
import type { TsigKey } from "../../../platform/dns/tsig-key.ts";
import { createZoneUpdater } from "../../../platform/dns/update.ts";
import { startTestPebble, type TestPebbleSettings } from "../../../platform/embedded/test-pebble.ts";
import { createLogger } from "../../../platform/log.ts";
import { createSeal } from "../../../platform/seal.ts";
import { type Knot, startKnot } from "../../../tests/peers/knot.ts";
import { createTestDatabase } from "../../database/test-database.ts";
import { type Database, inTransaction } from "../../database/transaction.ts";
import type { Caller } from "../../http/caller.ts";
import { type CertificateRecord, findCertificate } from "../certificate/index.ts";
import { insertCertificate } from "../certificate/store.ts";
import { countDistributionsOfGroup } from "../distribution/index.ts";
import { insertPerson } from "../distribution/test-customer.ts";
import { createEdgeGroupService } from "../edge-node/index.ts";
import { deleteUses } from "../edge-secret/index.ts";
import { createFeedSigner, openFeed } from "../feed/index.ts";
import { type Acme, type AcmeSettings, createAcme } from "./acme.ts";
import { findOrdersOf, type OrderRecord } from "./order-store.ts";
import { authorityOf } from "./test-authority.ts";

export const ZONE = "platform.test";
/** For whoever looks; the machine may be busy with other tests. */
const WAIT_MS = 60_000;

export interface TestNames {
  readonly knot: Knot;
  readonly key: TsigKey;
  stop(): Promise<void>;
}

/** Every name below `test` is on this machine; `records` say more of some. */
export async function startTestNames(records: readonly string[] = []): Promise<TestNames> {
  const key: TsigKey = { algorithm: "hmac-sha256", name: "updates", secret: randomBytes(32) };
  const knot = await startKnot({ zones: { test: { records: ["* 60 A 127.0.0.1", ...records] } }, key });
  return { knot, key, stop: () => knot.stop() };
}

/** Answers for every host what the feed says, as edges do. */
async function startTestEdges(db: () => Database) {
  const asked: string[] = [];
  let isAway = false;
  const server = createServer(async (request, response) => {
    const token = (request.url ?? "").slice(CHALLENGE_PATH.length);
    asked.push(request.headers.host ?? "");
    const bodies = isAway ? [] : await db()("feed_record").where({ kind: "challenge", op: "put" }).pluck("body");
    const found = bodies.map((body) => challengeBodySchema.parse(JSON.parse(body))).find((one) => one.token === token);
    response.statusCode = found === undefined ? 404 : 200;
    response.end(found?.key_authorization ?? "nothing here");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: portOf(server.address()),
    /** Hosts, in the order in which the authority came. */
    asked,
    /** They know of no challenge from now on. */
    leave: () => {
      isAway = true;
    },
    come: () => {
      isAway = false;
    },
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

export type TestWorld = Awaited<ReturnType<typeof createTestWorld>>;

/** `names` are the caller's to stop. */
export async function createTestWorld(
  names: TestNames,
  { pebble: habits, ...overrides }: { pebble?: TestPebbleSettings } & Partial<AcmeSettings> = {},
) {
  const database = await createTestDatabase();
  const { db } = database;
  const edges = await startTestEdges(() => db);
  const pebble = await startTestPebble({ httpPort: edges.port, dnsServer: names.knot.address, ...habits });
  let passedMs = 0;
  const clock = () => new Date(Date.now() + passedMs);
  const signingKey = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const signer = createFeedSigner(signingKey);
  await openFeed(db, { signer, now: clock() });
  const groups = createEdgeGroupService({ db, clock, countUses: countDistributionsOfGroup, forgetSecrets: deleteUses });
  const settings = edgeGroupSettingsSchema.parse({});
  const createGroup = async (name: string) =>
    (await inTransaction(db, (tx) => groups.ensure(tx, { name, settings }))).id;
  const scope = await createGroup("default");
  const acmeSettings: AcmeSettings = {
    ...{ db, signer, clock, announce: () => {}, seal: createSeal(Buffer.alloc(32, 1)) },
    log: createLogger({ role: "test", level: "silent" }),
    authority: authorityOf(pebble),
    resolver: createResolver({ servers: [names.knot.address] }),
    zone: ZONE,
    updater: createZoneUpdater({ server: names.knot, tsig: names.key, zone: "test" }),
    precheck: async () => ({ ok: true }),
    ...overrides,
  };
  const customer = await insertPerson(db, `customer-${randomUUID()}`);
  const runners: { stop(): Promise<void> }[] = [];
  /** A worker of its own; it is stopped with the world. */
  const startWorker = (more: Partial<AcmeSettings> = {}, options?: { leaseMs?: number; lookEveryMs?: number }) => {
    const acme = createAcme({ ...acmeSettings, ...more });
    const runner = acme.startRunner?.({ lookEveryMs: 200, ...options });
    if (runner !== undefined) runners.push(runner);
    return { run: (job: string, payload: object) => runJob(acme, job, payload), stop: async () => runner?.stop() };
  };
  return {
    /** The order is made; nobody looks after it yet. */
    ask: (certificateId: string, more: Partial<AcmeSettings> = {}) =>
      runJob(createAcme({ ...acmeSettings, ...more }), "certificate.wanted", { certificate_id: certificateId }),
    ...{ database, db, edges, pebble, clock, scope, createGroup, customer, signingKey, acmeSettings, startWorker },
    passTime: (ms: number) => {
      passedMs += ms;
    },
    stop: async () => {
      await Promise.all(runners.map((runner) => runner.stop()));
      await pebble.stop();
      await edges.stop();
      await database.stop();
    },
  };
}

async function runJob(acme: Acme, name: string, payload: object): Promise<void> {
  const handler = acme.handlers.find(({ job }) => job.name === name);
  if (handler === undefined) throw new Error(`no handler for ${name}`);
  await handler.run(payload, AbortSignal.timeout(WAIT_MS));
}

/** An automatic certificate that nobody has asked for yet. */
export async function wish(
  db: Database,
  names: readonly string[],
  { customer, keyType = "ecdsa" }: { customer: Caller | null; keyType?: "ecdsa" | "rsa" },
): Promise<string> {
  const now = new Date();
  const record: CertificateRecord = {
    ...{ id: randomUUID(), accountId: customer?.accountId ?? null, name: names[0] ?? "", names, keyType },
    ...{ isAutomatic: true, status: "pending", statusReason: null, chain: null, keySecretId: null, serial: null },
    ...{ fingerprint: null, issuer: null, notBefore: null, notAfter: null, version: 0, renewAt: null },
    ...{
      askedAt: null,
      revocation: null,
      deletedAt: null,
      createdBy: null,
      updatedBy: null,
      createdAt: now,
      updatedAt: now,
    },
  };
  await inTransaction(db, (tx) => insertCertificate(tx, record));
  return record.id;
}

export async function getCertificate(db: Database, id: string): Promise<CertificateRecord> {
  const found = await findCertificate(db, id);
  if (found === undefined) throw new Error(`there is no certificate ${id}`);
  return found;
}

/** Until the certificate is as wanted; throws with what it is when that takes too long. */
export async function certificateWhen(
  db: Database,
  id: string,
  isWanted: (certificate: CertificateRecord) => boolean,
): Promise<CertificateRecord> {
  return eventually(() => getCertificate(db, id), isWanted);
}

/** The newest order of a certificate, once it is as wanted. */
export async function orderWhen(
  db: Database,
  certificateId: string,
  isWanted: (order: OrderRecord) => boolean,
): Promise<OrderRecord> {
  const newest = async () => (await findOrdersOf(db, certificateId))[0];
  const found = await eventually(newest, (order) => order !== undefined && isWanted(order));
  if (found === undefined) throw new Error("there is no order");
  return found;
}

export async function eventually<T>(look: () => Promise<T>, isWanted: (seen: T) => boolean): Promise<T> {
  const endsAt = Date.now() + WAIT_MS;
  for (;;) {
    const seen = await look();
    if (isWanted(seen)) return seen;
    if (Date.now() > endsAt) throw new Error(`it stays as it is: ${JSON.stringify(seen)}`);
    await setTimeout(25);
  }
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === "string") throw new Error("the server listens on no port");
  return address.port;
}
