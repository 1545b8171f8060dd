// What the agent makes of sealed secrets: which open, what nginx is told, what is told about those that stay closed.
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { beforeEach, expect, test } from "vitest";
import { createLogger } from "../../platform/log.ts";
import type { FeedRecord } from "../contract.ts";
import { createTestSecrets } from "../test-secrets.ts";
import { TICKET_ROOT_ID } from "./open-secrets.ts";
import { createSecrets, type SecretChanges, type Secrets } from "./secrets.ts";

const scope = randomUUID();
const newNode = () => ({
  scope,
  edgeId: randomUUID(),
  key: generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey,
});
const sealing = createTestSecrets(scope);
const [own, another] = [newNode(), newNode()];
const [one, two] = [randomUUID(), randomUUID()];

let identity: typeof own;
let secrets: Secrets;
/** What nginx holds. */
let held: Map<string, string>;
/** By what it was told to seal sessions, one after the other. */
let ticketRoots: string[];
let lines: string[];

beforeEach(() => {
  identity = own;
  held = new Map();
  ticketRoots = [];
  lines = [];
  const log = createLogger({ role: "test", level: "debug", destination: { write: (line) => void lines.push(line) } });
  secrets = createSecrets({ identity: () => identity, log });
});

const record = (
  kind: "secret" | "keyring",
  id: string,
  body: string,
): Pick<FeedRecord, "kind" | "id" | "rev" | "op" | "body"> => ({
  ...{ kind, id, rev: 7, body },
  op: body === "" ? "del" : "put",
});
const noteKeyring = (nodes: (typeof own)[], generation?: number) =>
  secrets.note(record("keyring", scope, sealing.keyring(nodes, generation)));
const noteSecret = (id: string, value: string, generation = 1) =>
  secrets.note(record("secret", id, sealing.sealed(id, value, { generation })));

async function send(changes: SecretChanges): Promise<void> {
  for (const [id, value] of Object.entries(changes)) {
    if (id === TICKET_ROOT_ID) ticketRoots.push(`${value}`);
    else if (value === false) held.delete(id);
    else held.set(id, value);
  }
}

test("opens what is sealed for its group, whichever comes first, and sends each once", async () => {
  noteSecret(one, "first");
  expect(await secrets.bring(send)).toEqual([]);
  expect(held.size).toBe(0);
  noteKeyring([own, another]);
  noteSecret(two, "sécond");
  await secrets.bring(send);
  expect(Object.fromEntries(held)).toEqual({ [one]: "first", [two]: "sécond" });
  held.clear();
  await secrets.bring(send);
  expect(held.size).toBe(0);
  secrets.bringAllAgain();
  await secrets.bring(send);
  expect(held.size).toBe(2);
});

test("what could not be sent is sent again", async () => {
  noteKeyring([own]);
  noteSecret(one, "first");
  await expect(secrets.bring(() => Promise.reject(new Error("nginx is away")))).rejects.toThrow("nginx is away");
  await secrets.bring(send);
  expect(held.get(one)).toBe("first");
  secrets.note(record("secret", one, ""));
  await expect(secrets.takeAway(() => Promise.reject(new Error("nginx is away")))).rejects.toThrow("nginx is away");
  await secrets.takeAway(send);
  expect(held.size).toBe(0);
});

test("a keyring for others leaves everything closed, says so, and is no refusal; the next one opens", async () => {
  noteKeyring([another]);
  noteSecret(one, "first");
  expect(await secrets.bring(send)).toEqual([]);
  expect([held.size, secrets.isLockedOut()]).toEqual([0, true]);
  noteKeyring([own, another]);
  await secrets.bring(send);
  expect([held.get(one), secrets.isLockedOut()]).toEqual(["first", false]);
});

test("what was sealed under the next key of the group waits for the keyring that holds it", async () => {
  noteKeyring([own]);
  noteSecret(one, "first", 2);
  expect(await secrets.bring(send)).toEqual([]);
  noteKeyring([own], 2);
  await secrets.bring(send);
  expect(held.get(one)).toBe("first");
});

test("another identity opens with its own key", async () => {
  noteKeyring([another]);
  noteSecret(one, "first");
  await secrets.bring(send);
  identity = another;
  await secrets.bring(send);
  expect(held.get(one)).toBe("first");
});

test("a secret that does not open is refused alone, without a word of it", async () => {
  noteKeyring([own]);
  secrets.note(record("secret", one, sealing.sealed(two, "in the wrong place")));
  noteSecret(two, "good");
  expect(await secrets.bring(send)).toEqual([
    { kind: "secret", id: one, rev: 7, stage: "open", message: "the secret does not open with the keyring's key" },
  ]);
  expect(Object.fromEntries(held)).toEqual({ [two]: "good" });
  expect(lines.join()).not.toMatch(/wrong place|good/);
});

test("a keyring whose wrap was changed is refused", async () => {
  const body = JSON.parse(sealing.keyring([own]));
  body.keys[0].wraps[0].wrapped = Buffer.alloc(256, 1).toString("base64");
  secrets.note(record("keyring", scope, JSON.stringify(body)));
  expect(await secrets.bring(send)).toMatchObject([{ kind: "keyring", id: scope, stage: "open" }]);
});

test("a snapshot takes the place of all that was there", async () => {
  noteKeyring([own]);
  noteSecret(one, "first");
  await secrets.bring(send);
  secrets.replace([
    record("keyring", scope, sealing.keyring([own])),
    record("secret", two, sealing.sealed(two, "second")),
  ]);
  await secrets.bring(send);
  await secrets.takeAway(send);
  expect(Object.fromEntries(held)).toEqual({ [two]: "second" });
});

test("sessions are sealed by the same root on every edge, and by another one from the next key on", async () => {
  noteKeyring([own, another]);
  await secrets.bring(send);
  await secrets.bring(send);
  expect(ticketRoots).toHaveLength(1);
  identity = another;
  noteKeyring([own, another]);
  secrets.bringAllAgain();
  await secrets.bring(send);
  expect(ticketRoots[1]).toBe(ticketRoots[0]);
  noteKeyring([own, another], 2);
  await secrets.bring(send);
  expect(new Set(ticketRoots).size).toBe(2);
  expect(ticketRoots.every((root) => Buffer.from(root, "base64").length === 32)).toBe(true);
});

test("a restored database gives the same generation another key: its root and its secrets take the place of the old", async () => {
  noteKeyring([own]);
  await secrets.bring(send);
  const restored = createTestSecrets(scope);
  // It comes before the keyring that opens it.
  secrets.note(record("secret", one, restored.sealed(one, "first")));
  expect(await secrets.bring(send)).toMatchObject([{ id: one, stage: "open" }]);
  secrets.note(record("keyring", scope, restored.keyring([own])));
  expect(await secrets.bring(send)).toEqual([]);
  expect(held.get(one)).toBe("first");
  expect(new Set(ticketRoots).size).toBe(2);
});
