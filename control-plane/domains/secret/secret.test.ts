import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createSeal, SealError } from "../../../platform/seal.ts";
import { createTestDatabase, type TestDatabase } from "../../database/test-database.ts";
import { inTransaction } from "../../database/transaction.ts";
import { platformActor } from "../../http/caller.ts";
import { createAccount } from "../account/index.ts";
import { ensurePlatformSecret, openSecret, resealPlatformSecrets, storeSecret } from "./index.ts";

const seal = createSeal(Buffer.alloc(32, 0x0f));
const now = new Date("2026-03-01T12:00:00Z");
const purpose = "s3_secret_key";
const value = "wJalrXUtnFEMI/K7MDENG";

let database: TestDatabase;
let accountId: string;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.stop());
beforeEach(async () => {
  accountId = await anAccount();
});

async function anAccount(): Promise<string> {
  const userId = randomUUID();
  await database.db("user").insert({
    id: userId,
    username: userId.slice(0, 20),
    email: `${userId}@example.com`,
    password_hash: "x",
    platform_role: "user",
  });
  return inTransaction(
    database.db,
    async (tx) => (await createAccount(tx, platformActor, { name: "a", ownerId: userId, now })).id,
  );
}

function store(): Promise<string> {
  return inTransaction(database.db, (tx) => storeSecret(tx, seal, { accountId, purpose, value, now }));
}

test("a stored secret opens for its account and purpose, and its row shows nothing of it", async () => {
  const id = await store();
  expect(await openSecret(database.db, seal, id, { accountId, purpose })).toBe(value);
  const row = await database.db("secret").where({ id }).first();
  expect(row).toMatchObject({ account_id: accountId, purpose, created_at: now, sealed: { format: 2 } });
  expect(JSON.stringify(row)).not.toContain(value);
});

test("a secret does not open for another account or purpose, nor when its row was made to look so", async () => {
  const id = await store();
  const stranger = await anAccount();
  await expect(openSecret(database.db, seal, id, { accountId: stranger, purpose })).rejects.toThrow(id);
  await expect(openSecret(database.db, seal, id, { accountId, purpose: "url_signing_key" })).rejects.toThrow(id);
  await expect(openSecret(database.db, seal, randomUUID(), { accountId, purpose })).rejects.toThrow("no s3_secret_key");
  await database.db("secret").where({ id }).update({ account_id: stranger });
  await expect(openSecret(database.db, seal, id, { accountId: stranger, purpose })).rejects.toThrow(SealError);
});

test("the same value stored twice is two secrets that look nothing alike", async () => {
  const [one, other] = await database.db("secret").whereIn("id", [await store(), await store()]);
  expect(one.sealed.value).not.toBe(other.sealed.value);
});

test("processes that make a secret of the platform at once end with the same one", async () => {
  const answers = await Promise.all(
    ["a", "b", "c"].map((made) => ensurePlatformSecret(database.db, seal, { name: "shared", make: () => made })),
  );
  expect(new Set(answers).size).toBe(1);
  expect(await ensurePlatformSecret(database.db, seal, { name: "shared", make: () => "d" })).toBe(answers[0]);
});

test("a secret of the platform that an earlier release sealed is sealed anew, under the current key", async () => {
  // Made by release 0.1.0 with this key.
  const sealed = {
    format: 1,
    key: "6a2f5bff7767c559",
    nonce: "pi0tvMRxnHPtnVRj",
    ciphertext: "JwFrqn62JC7/rQ==",
    tag: "Vu1mFtAQfj7A1Wnsm8Bmpg==",
  };
  await database.db("platform_secret").insert({ name: "edge-ca", sealed });
  const current = Buffer.alloc(32, 1);
  const rotated = createSeal(current, [Buffer.alloc(32, 0x0f)]);
  expect(await resealPlatformSecrets(database.db, rotated)).toBe(1);
  expect(await resealPlatformSecrets(database.db, rotated)).toBe(0);
  const stored = { name: "edge-ca", make: () => "none was there" };
  expect(await ensurePlatformSecret(database.db, createSeal(current), stored)).toBe("schlüssel");
});
