// The whole way of a warning: the schedule finds a certificate that ends soon, a worker tells its owner by mail and their
// program by a signed webhook, both of which are not ready for it yet; and an alert is judged and told in the same way.
import { generateKeyPairSync, randomBytes, randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ControlPlaneConfig, controlPlaneSchema } from "../../control-plane/config.ts";
import { createTestDatabase, type TestDatabase } from "../../control-plane/database/test-database.ts";
import { createAlertService } from "../../control-plane/domains/alert/index.ts";
import { startTestMailServer, type TestMailServer } from "../../control-plane/domains/mail/test-mail-server.ts";
import { createWebhookService } from "../../control-plane/domains/notification/index.ts";
import {
  answering,
  startTestReceiver,
  type TestReceiver,
  verified,
} from "../../control-plane/domains/notification/test-receiver.ts";
import { noRequest } from "../../control-plane/http/caller.ts";
import { openMasterKeys } from "../../control-plane/roles/keys.ts";
import { startScheduler } from "../../control-plane/roles/scheduler.ts";
import { startWorker } from "../../control-plane/roles/worker.ts";
import { startTestRedis, type TestService } from "../../platform/embedded/test-services.ts";
import { type Part, stopInReverse } from "../../platform/lifecycle.ts";
import { createLogger } from "../../platform/log.ts";
import { createSealOf, type Seal } from "../../platform/seal.ts";
import { eventually } from "./api.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const log = createLogger({ role: "test", level: "silent" });

let database: TestDatabase;
let redis: TestService;
let mail: TestMailServer;
let receiver: TestReceiver;
let config: ControlPlaneConfig;
const folder = mkdtempSync(join(tmpdir(), "edgewright-notifications-"));
const roles: Part[] = [];
beforeAll(async () => {
  const started = [createTestDatabase(), startTestRedis(), startTestMailServer(), startTestReceiver()] as const;
  [database, redis, mail, receiver] = await Promise.all(started);
  const key = join(folder, "feed.pem");
  writeFileSync(key, generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }));
  config = controlPlaneSchema.parse({
    ...{ DATABASE_URL: database.url, REDIS_URL: redis.url, CLICKHOUSE_URL: "http://127.0.0.1:9" },
    ...{ DATA_DIR: folder, FEED_SIGNING_KEY_FILE: key, MASTER_KEY: randomBytes(32).toString("hex") },
    ...{ SMTP_URL: mail.url, ALLOW_PRIVATE_ORIGINS: "true" },
  });
});
afterAll(async () => {
  await stopInReverse(roles);
  await Promise.all([receiver.stop(), mail.stop(), redis.stop()]);
  await database.stop();
  rmSync(folder, { recursive: true });
});

async function customer(username: string) {
  const { db } = database;
  const [userId, accountId] = [randomUUID(), randomUUID()];
  await db("account").insert({ id: accountId, name: "Shops" });
  const email = `${username}@example.com`;
  const person = { id: userId, username, email, platform_role: "user", password_hash: "-" };
  await db("user").insert(person);
  await db("membership").insert({ account_id: accountId, user_id: userId, role: "owner" });
  return { userId, accountId, accountRole: "owner", platformRole: "user", scopes: "all", ...noRequest } as const;
}

test("a certificate that ends soon, and an alert, are told of by mail and by webhook, once, whatever is away at first", async () => {
  const { db } = database;
  const owner = await customer("ada");
  const seal = createSealOf(openMasterKeys(config, log));
  const policy = { allowPrivateOrigins: true };
  const webhooks = createWebhookService({ db, clock: () => new Date(), seal, policy });
  const input = { url: receiver.url, description: "", events: ["certificate.expiring" as const], is_enabled: true };
  const { webhook, secret } = await webhooks.create(owner, input);
  await plantCertificate(owner.accountId, 6.5);
  const watcher = await alertOn(seal);
  mail.refuse(451);
  receiver.behave(answering(503));

  roles.push(await startWorker(config, log), await startScheduler(config, log));
  const message = await eventually(async () => {
    expect((await webhooks.listDeliveries(owner, webhook.id, { limit: 10 }))[0]?.status).toBe("delivered");
    return receiver.received.at(-1);
  });
  if (message === undefined) throw new Error("nothing arrived");
  expect(verified(message, secret)).toMatchObject({ type: "certificate.expiring", data: { days_left: 7 } });
  expect(receiver.received.map(({ id }) => id)).toEqual([message.id, message.id]);
  const lettersTo = (address: string) => mail.received.filter(({ to }) => to.includes(address));
  await eventually(async () => expect(lettersTo("ada@example.com")).toHaveLength(1));
  expect(lettersTo("ada@example.com")[0]?.content).toContain("The certificate Shop expires in 7 days");

  await eventually(async () => expect(watcher.receiver.received).toHaveLength(1));
  const [raised] = watcher.receiver.received;
  expect(raised && verified(raised, watcher.secret)).toMatchObject({
    type: "alert.raised",
    data: { value: 40, name: "Certificates" },
  });
  await eventually(async () => expect(lettersTo("bob@example.com")).toHaveLength(1));
  expect(lettersTo("bob@example.com")[0]?.content).toContain("Subject: Alert: Certificates");
  await watcher.receiver.stop();
});

async function plantCertificate(accountId: string, daysLeft: number): Promise<void> {
  const now = Date.now();
  await database.db("certificate").insert({
    ...{ id: randomUUID(), account_id: accountId, name: "Shop", names: JSON.stringify(["shop.example.com"]) },
    ...{ is_automatic: false, key_type: "ecdsa", status: "active", chain: "PEM", fingerprint: "f", version: 1 },
    ...{ not_before: new Date(now - 300 * DAY_MS), not_after: new Date(now + daysLeft * DAY_MS) },
    ...{ created_at: new Date(now), updated_at: new Date(now) },
  });
}

/** Somebody else wants to know earlier than everybody is told. */
async function alertOn(seal: Seal) {
  const { db } = database;
  const clock = () => new Date();
  const bob = await customer("bob");
  const receiver = await startTestReceiver();
  const webhooks = createWebhookService({ db, clock, seal, policy: { allowPrivateOrigins: true } });
  const input = { url: receiver.url, description: "", events: ["*" as const], is_enabled: true };
  const { secret } = await webhooks.create(bob, input);
  await plantCertificate(bob.accountId, 39.5);
  const alerts = createAlertService({ db, clock, publicUrl: new URL("https://cdn.example.com") });
  await alerts.create(bob, {
    ...{ name: "Certificates", description: "", distribution_id: null, muted_until: null, is_enabled: true },
    ...{ condition: { type: "certificate_expiry", days: 60 }, raise_after_minutes: 5, resolve_after_minutes: 5 },
    ...{ mail_in_charge: true, mail_members: [] },
  });
  return { receiver, secret };
}
