// Renewals: when the authority says, as it changes its mind; of short lives; without its word; and each names what it replaces.
import { X509Certificate } from "node:crypto";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { certificateUnwanted } from "../certificate/index.ts";
import { renewalIdOf } from "./renewal-id.ts";
import {
  certificateWhen,
  createTestWorld,
  getCertificate,
  orderWhen,
  startTestNames,
  type TestNames,
  type TestWorld,
  wish,
} from "./test-world.ts";

const DAY_MS = 86_400_000;

// An authority that is asked while other tests keep the machine busy.
vi.setConfig({ testTimeout: 120_000 });

let names: TestNames;
let world: TestWorld;
let worker: ReturnType<TestWorld["startWorker"]>;

beforeAll(async () => {
  names = await startTestNames();
  world = await createTestWorld(names, {
    pebble: {
      profiles: { sixty: (64 * DAY_MS) / 1000, forty: (45 * DAY_MS) / 1000, six: (6 * DAY_MS) / 1000, brief: 600 },
    },
    random: () => 0.5,
  });
  worker = world.startWorker();
});
afterAll(async () => {
  await world.stop();
  await names.stop();
});

async function issue(name: string, profile: string) {
  await worker.stop();
  const { authority } = world.acmeSettings;
  if (authority === undefined) throw new Error("no authority");
  worker = world.startWorker({ authority: { ...authority, profile } });
  const id = await wish(world.db, [name], { customer: world.customer });
  await worker.run("certificate.wanted", { certificate_id: id });
  return certificateWhen(world.db, id, ({ status }) => status === "active");
}

/** Where in the certificate's life it is renewed, from 0 to 1. */
function shareAt({ notBefore, notAfter, renewAt }: Awaited<ReturnType<typeof getCertificate>>): number {
  if (notBefore === null || notAfter === null || renewAt === null) throw new Error("it has no times");
  return (renewAt.getTime() - notBefore.getTime()) / (notAfter.getTime() - notBefore.getTime());
}

test.each([
  ["64 days", "sixty"],
  ["45 days", "forty"],
  ["6 days", "six"],
])(
  "a certificate of %s is renewed a little behind two thirds of its life, then as the authority says",
  async (_, profile) => {
    const certificate = await issue(`${profile}.test`, profile);
    expect(shareAt(certificate)).toBeCloseTo(2 / 3 + 1 / 48, 3);
    const start = new Date(Date.now() + DAY_MS);
    const end = new Date(Date.now() + 3 * DAY_MS);
    await world.pebble.sayRenewalInfo(certificate.chain ?? "", {
      suggestedWindow: { start: start.toISOString(), end: end.toISOString() },
    });
    await worker.run("acme.renewal-info", {});
    const asked = await getCertificate(world.db, certificate.id);
    expect(asked.renewAt?.getTime()).toBeCloseTo((start.getTime() + end.getTime()) / 2, -4);
  },
);

test("a window that has begun renews at once, with another key, and names the certificate that is replaced", async () => {
  const first = await issue("moved.test", "sixty");
  await world.pebble.sayRenewalInfo(first.chain ?? "", {
    suggestedWindow: { start: "2020-01-01T00:00:00Z", end: "2020-01-02T00:00:00Z" },
  });
  await worker.run("acme.renewal-info", {});
  await worker.run("acme.due", {});
  const second = await certificateWhen(world.db, first.id, ({ version }) => version === 2);
  expect(second.serial).not.toBe(first.serial);
  expect(
    new X509Certificate(second.chain ?? "").publicKey.equals(new X509Certificate(first.chain ?? "").publicKey),
  ).toBe(false);
  const order = await orderWhen(world.db, first.id, ({ state }) => state === "done");
  expect(order.replaces).toBe(renewalIdOf(first.chain ?? ""));

  // The authority has marked the first as replaced, and refuses to replace it again: a second successor is ordered without.
  await world.db("acme_renewal").where({ certificate_id: first.id }).update({ renewal_id: order.replaces });
  await worker.run("certificate.wanted", { certificate_id: first.id });
  await certificateWhen(world.db, first.id, ({ version }) => version === 3);
  expect(await orderWhen(world.db, first.id, ({ state }) => state === "done")).toMatchObject({ replaces: null });
});

test("a window behind the certificate's end is not waited for", async () => {
  const certificate = await issue("late.test", "six");
  const { renewAt } = certificate;
  const [start, end] = [10, 20].map((days) => new Date(Date.now() + days * DAY_MS).toISOString());
  await world.pebble.sayRenewalInfo(certificate.chain ?? "", {
    suggestedWindow: { start: start ?? "", end: end ?? "" },
  });
  await worker.run("acme.renewal-info", {});
  expect(await world.db("acme_renewal").where({ certificate_id: certificate.id }).first()).toMatchObject({
    window_start: new Date(start ?? ""),
  });
  expect((await getCertificate(world.db, certificate.id)).renewAt).toEqual(renewAt);
});

test("an authority that says nonsense is asked again later, and the fallback stands", async () => {
  const certificate = await issue("nonsense.test", "sixty");
  await world.pebble.sayRenewalInfo(certificate.chain ?? "", "no JSON at all");
  await worker.run("acme.renewal-info", {});
  expect(shareAt(await getCertificate(world.db, certificate.id))).toBeCloseTo(2 / 3 + 1 / 48, 3);
  const row = await world.db("acme_renewal").where({ certificate_id: certificate.id }).first();
  expect(row).toMatchObject({ check_failures: 1, window_start: null });
  expect(row.check_at.getTime() - world.clock().getTime()).toBeGreaterThan(60_000);
});

test("a certificate of ten minutes, of which the authority says nonsense, is renewed by itself when two thirds have passed", async () => {
  const { id, chain, serial, renewAt } = await issue("brief.test", "brief");
  await world.pebble.sayRenewalInfo(chain ?? "", "no JSON at all");
  await worker.run("acme.renewal-info", {});
  await worker.run("acme.due", {});
  expect(await orderWhen(world.db, id, () => true)).toMatchObject({ state: "done", replaces: null });
  world.passTime((renewAt?.getTime() ?? 0) - world.clock().getTime());
  await worker.run("acme.due", {});
  const second = await certificateWhen(world.db, id, ({ version }) => version === 2);
  expect(second.serial).not.toBe(serial);
  expect(shareAt(second)).toBeCloseTo(2 / 3 + 1 / 48, 1);
});

test("a renewal that fails leaves the certificate active with the reason, and its own time to try again", async () => {
  const certificate = await issue("serving.test", "sixty");
  world.edges.leave();
  await world.db("certificate").where({ id: certificate.id }).update({ renew_at: world.clock() });
  // Pebble would take the proof of before for this one, half of the time.
  await world.db("acme_account").delete();
  await worker.stop();
  worker = world.startWorker({
    precheck: async () => ({ ok: false, reason: "It does not lead here.", isStopped: false }),
  });
  await worker.run("acme.due", {});
  const failed = await certificateWhen(world.db, certificate.id, ({ statusReason }) => statusReason !== null);
  expect(failed).toMatchObject({ status: "active", version: 1, chain: certificate.chain });
  world.edges.come();
});

test("a certificate is revoked for the reason given, and again without harm", async () => {
  const { id, chain, serial } = await issue("revoked.test", "sixty");
  const payload = { certificate_id: id, revoke: { leaf: chain ?? "", reason: "key_compromise" } };
  await worker.run(certificateUnwanted.name, payload);
  await worker.run(certificateUnwanted.name, payload);
  expect(await world.pebble.statusOf(serial ?? "")).toBe("Revoked");
  // The wish stands: only that leaf was taken back.
  expect(await getCertificate(world.db, id)).toMatchObject({ status: "active" });
});

test("what nobody wants any more has its order withdrawn, and its names free", async () => {
  const id = await wish(world.db, ["unwanted.test"], { customer: world.customer });
  await worker.stop();
  await world.ask(id);
  await world
    .db("acme_name")
    .insert({ name: "unwanted.test", order_id: (await orderWhen(world.db, id, () => true)).id });
  worker = world.startWorker();
  await worker.run(certificateUnwanted.name, { certificate_id: id, revoke: null });
  expect(await orderWhen(world.db, id, ({ endedAt }) => endedAt !== null)).toMatchObject({ sealed: null });
  expect(await world.db("acme_name").where({ name: "unwanted.test" })).toEqual([]);
});
