// Workers that are killed with -9 in the middle of an order, at every step and behind every answer of the authority; and an
// authority that has forgotten everything.
import { type ChildProcess, spawn } from "node:child_process";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { openSecret } from "../secret/index.ts";
import { authorityOf } from "./test-authority.ts";
import { startTestDoor, type TestDoor } from "./test-door.ts";
import {
  certificateWhen,
  createTestWorld,
  orderWhen,
  startTestNames,
  type TestNames,
  type TestWorld,
  wish,
} from "./test-world.ts";

const SCRIPT = fileURLToPath(new URL("./order-worker.fixture.ts", import.meta.url));

// An authority that is asked while other tests keep the machine busy.
vi.setConfig({ testTimeout: 120_000 });

let names: TestNames;
let world: TestWorld;
let door: TestDoor;
const children: ChildProcess[] = [];

beforeAll(async () => {
  names = await startTestNames();
  world = await createTestWorld(names);
  door = await startTestDoor(world.pebble);
});
afterAll(async () => {
  for (const child of children) child.kill("SIGKILL");
  await world.stop();
  await door.stop();
  await names.stop();
});

function startChild(): ChildProcess {
  const { directoryUrl, caFile } = door;
  const settings = {
    directoryUrl,
    caFile,
    databaseUrl: world.database.url,
    dnsServer: names.knot.address,
    key: world.signingKey,
  };
  const child = spawn(process.execPath, ["--import", "tsx", SCRIPT, JSON.stringify(settings)], { stdio: "inherit" });
  children.push(child);
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}

/** As Pebble names what it has done by then. */
const STEPS = [
  { answer: "of the new account", path: /^\/sign-me-up/, state: "ordering" },
  { answer: "of the new order", path: /^\/order-plz/, state: "ordering" },
  { answer: "of the challenge", path: /^\/chalZ/, state: "challenging" },
  { answer: "of the finalization", path: /^\/finalize-order/, state: "finalizing" },
  { answer: "that holds the certificate", path: /^\/certZ/, state: "downloading" },
] as const;

test("an order whose workers are killed one after the other, each behind another answer of the authority, ends with one certificate and its key", async () => {
  const { db } = world;
  const id = await wish(db, ["killed.test"], { customer: world.customer });
  await world.ask(id, { authority: authorityOf(door) });
  for (const { path, state } of STEPS) {
    const answered = door.keepAnswer(path);
    const child = startChild();
    await answered;
    await kill(child);
    expect(await orderWhen(db, id, () => true)).toMatchObject({ state, endedAt: null });
  }
  const last = startChild();
  const certificate = await certificateWhen(db, id, ({ status }) => status === "active");
  const done = await orderWhen(db, id, ({ isPublished }) => !isPublished);
  await kill(last);
  expect(certificate).toMatchObject({ version: 1, names: ["killed.test"] });
  expect(done).toMatchObject({ state: "done", sealed: null });
  const key = await openSecret(db, world.acmeSettings.seal, certificate.keySecretId ?? "", {
    accountId: world.customer.accountId,
    purpose: "certificate_key",
  });
  expect(new X509Certificate(certificate.chain ?? "").checkPrivateKey(createPrivateKey(key))).toBe(true);
  expect(await db("feed_record").where({ kind: "challenge", op: "put" })).toEqual([]);
  expect(await db("acme_name")).toEqual([]);
});
