// Authorities that are difficult: one that refuses half of all good nonces, one that wants to know whose customer we are, one
// that makes us wait, and one that has forgotten everything.
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { startTestPebble } from "../../../platform/embedded/test-pebble.ts";
import { authorityOf } from "./test-authority.ts";
import { startTestDoor } from "./test-door.ts";
import {
  certificateWhen,
  createTestWorld,
  orderWhen,
  startTestNames,
  type TestNames,
  type TestWorld,
  wish,
} from "./test-world.ts";

// An authority that is asked while other tests keep the machine busy.
vi.setConfig({ testTimeout: 120_000 });

let names: TestNames;
let world: TestWorld;

beforeAll(async () => {
  names = await startTestNames();
  world = await createTestWorld(names);
});
afterAll(async () => {
  await world.stop();
  await names.stop();
});

/** A certificate by an authority with these habits. */
async function issueBy(habits: Parameters<typeof startTestPebble>[0], more: object = {}) {
  const pebble = await startTestPebble({ httpPort: world.edges.port, dnsServer: names.knot.address, ...habits });
  const worker = world.startWorker({ authority: { ...authorityOf(pebble), ...more } });
  const id = await wish(world.db, [`${Math.random().toString(36).slice(2)}.test`], { customer: world.customer });
  await worker.run("certificate.wanted", { certificate_id: id });
  const certificate = await certificateWhen(world.db, id, ({ status }) => status !== "pending");
  await orderWhen(world.db, id, ({ isPublished }) => !isPublished);
  await worker.stop();
  await pebble.stop();
  return certificate;
}

test("half of all nonces refused changes nothing", async () => {
  expect(await issueBy({ nonceRejectPercent: 50 })).toMatchObject({ status: "active" });
});

test("Retry-After of orders and authorizations is heeded", async () => {
  expect(await issueBy({ retryAfterSeconds: 1 })).toMatchObject({ status: "active" });
});

const externalAccounts = { "kid-1": "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W" };

test("an account is bound to the external one that the settings name", async () => {
  const externalAccount = { keyId: "kid-1", hmacKey: externalAccounts["kid-1"] };
  expect(await issueBy({ externalAccounts }, { externalAccount, email: "ops@example.com" })).toMatchObject({
    status: "active",
  });
});

test("without the external account that the authority wants, the reason says who has to do what", async () => {
  expect(await issueBy({ externalAccounts })).toMatchObject({
    status: "failed",
    statusReason: expect.stringContaining("ACME_EAB_KEY_ID and ACME_EAB_HMAC_KEY"),
  });
});

test("a profile is asked for by its name", async () => {
  const certificate = await issueBy({ profiles: { long: 7_776_000, shortlived: 518_400 } }, { profile: "shortlived" });
  const { notBefore, notAfter } = certificate;
  expect((notAfter?.getTime() ?? 0) - (notBefore?.getTime() ?? 0)).toBeLessThan(7 * 86_400_000);
});

test("an authority that forgot the account and the order in the middle of it gets both again", async () => {
  const first = await startTestPebble({ httpPort: world.edges.port, dnsServer: names.knot.address });
  const door = await startTestDoor(first);
  const settings = { authority: authorityOf(door) };
  const known = await wish(world.db, ["known.test"], { customer: world.customer });
  const worker = world.startWorker(settings);
  await worker.run("certificate.wanted", { certificate_id: known });
  await certificateWhen(world.db, known, ({ status }) => status === "active");
  await worker.stop();

  const half = await wish(world.db, ["half.test"], { customer: world.customer });
  await world.ask(half, settings);
  const answered = door.keepAnswer(/^\/finalize-order/);
  const interrupted = world.startWorker(settings);
  await answered;
  await interrupted.stop();
  expect(await orderWhen(world.db, half, () => true)).toMatchObject({ state: "finalizing" });

  const second = await startTestPebble({ httpPort: world.edges.port, dnsServer: names.knot.address });
  door.leadTo(second);
  await first.stop();
  const next = world.startWorker(settings);
  await certificateWhen(world.db, half, ({ status }) => status === "active");
  expect(await orderWhen(world.db, half, ({ isPublished }) => !isPublished)).toMatchObject({
    state: "done",
    restarts: 1,
  });

  // What it issued before serves on; its successor names no predecessor that the authority does not know.
  const before = await certificateWhen(world.db, known, ({ status }) => status === "active");
  expect(before).toMatchObject({ version: 1 });
  await next.run("certificate.wanted", { certificate_id: known });
  expect(await certificateWhen(world.db, known, ({ version }) => version === 2)).toMatchObject({ status: "active" });
  await next.stop();
  await door.stop();
  await second.stop();
});
