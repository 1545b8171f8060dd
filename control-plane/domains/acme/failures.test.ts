// What goes wrong with a name: found out before the authority is asked where that can be, told in words that say what to do, tried
// again later and later, and at once when somebody asks.
import { once } from "node:events";
import { PassThrough } from "node:stream";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { z } from "zod";
import { createResolver } from "../../../platform/dns/resolver.ts";
import { createLogger } from "../../../platform/log.ts";
import { authorityOf } from "./test-authority.ts";
import { startTestDoor, type TestDoor } from "./test-door.ts";
import {
  certificateWhen,
  createTestWorld,
  getCertificate,
  startTestNames,
  type TestNames,
  type TestWorld,
  wish,
} from "./test-world.ts";

const HOUR_MS = 3_600_000;
const lineSchema = z.looseObject({ level: z.string() });
const CAA = [
  'forbidden CAA 0 issue "other.example"',
  "forbidden A 127.0.0.1",
  "allowed A 127.0.0.1",
  'allowed CAA 0 issue "pebble.letsencrypt.org"',
  'bound CAA 0 issue "pebble.letsencrypt.org; validationmethods=dns-01"',
  'odd CAA 128 surprise "x"',
];

// An authority that is asked while other tests keep the machine busy.
vi.setConfig({ testTimeout: 120_000 });

let names: TestNames;
let world: TestWorld;
let door: TestDoor;
let worker: ReturnType<TestWorld["startWorker"]>;

beforeAll(async () => {
  names = await startTestNames(CAA);
  world = await createTestWorld(names, { pebble: { blockedDomains: ["blocked.test"], authorizationReusePercent: 0 } });
  door = await startTestDoor(world.pebble);
  worker = world.startWorker({ authority: authorityOf(door) });
});
beforeEach(() => {
  door.asked.length = 0;
  world.edges.come();
});
afterAll(async () => {
  await world.stop();
  await door.stop();
  await names.stop();
});

async function ask(wanted: readonly string[], by = worker) {
  const id = await wish(world.db, wanted, { customer: world.customer });
  await by.run("certificate.wanted", { certificate_id: id });
  return certificateWhen(world.db, id, ({ status }) => status !== "pending");
}

const orders = () => door.asked.filter((path) => path === "/order-plz").length;

test("a name whose proof the authority does not find fails with what it saw and what mends it", async () => {
  world.edges.leave();
  const { status, statusReason } = await ask(["elsewhere.test"]);
  expect(status).toBe("failed");
  expect(statusReason).toMatch(/^The certificate authority could not verify elsewhere\.test: /);
  expect(statusReason).toContain("Let elsewhere.test point to this platform alone");
  expect(statusReason).toContain("The next attempt is in 60 minutes, or when a renewal is asked for.");
});

test("attempts wait an hour, then twice as long each time, up to a day; one that is asked for is made at once", async () => {
  world.edges.leave();
  const { id } = await ask(["often.test"]);
  const delays: number[] = [];
  for (let attempt = 1; attempt <= 6; attempt += 1) {
    const { renewAt, updatedAt } = await getCertificate(world.db, id);
    delays.push(Math.round(((renewAt?.getTime() ?? 0) - updatedAt.getTime()) / HOUR_MS));
    await worker.run("acme.due", {});
    expect((await getCertificate(world.db, id)).renewAt).toEqual(renewAt);
    world.passTime((delays.at(-1) ?? 0) * HOUR_MS);
    await worker.run("acme.due", {});
    await certificateWhen(world.db, id, (now) => now.updatedAt > updatedAt && now.renewAt !== null);
  }
  expect(delays).toEqual([1, 2, 4, 8, 16, 24]);
  world.edges.come();
  await worker.run("certificate.wanted", { certificate_id: id });
  expect(await certificateWhen(world.db, id, ({ status }) => status === "active")).toMatchObject({
    statusReason: null,
  });
  expect((await world.db("acme_renewal").where({ certificate_id: id }).first())?.failures).toBe(0);
});

test("the account is told of the second failure in a row, once", async () => {
  world.edges.leave();
  const { id } = await ask(["told.test"]);
  const letters = () =>
    world
      .db("notification")
      .where({ event: "certificate.failed" })
      .whereRaw("details::text like ?", [`%${id}%`]);
  expect(await letters()).toHaveLength(0);
  for (let attempt = 2; attempt <= 3; attempt += 1) {
    const { updatedAt } = await getCertificate(world.db, id);
    await worker.run("certificate.wanted", { certificate_id: id });
    await certificateWhen(world.db, id, (now) => now.updatedAt > updatedAt && now.renewAt !== null);
  }
  expect(await letters()).toHaveLength(1);
});

test("the platform's own certificate belongs to nobody who is told: the log says it as loudly as it weighs", async () => {
  await worker.stop();
  const lines = new PassThrough();
  const log = createLogger({ role: "test", level: "warn", destination: lines });
  const logged = async () => lineSchema.parse(JSON.parse(String((await once(lines, "data"))[0])));
  const watched = world.startWorker({ authority: authorityOf(door), log });
  const message = "the platform's own certificate was not issued";
  const id = await wish(world.db, ["forbidden.test"], { customer: null });
  const first = logged();
  await watched.run("certificate.wanted", { certificate_id: id });
  expect(await first).toMatchObject({ level: "error", msg: message, certificate_id: id });
  await world
    .db("certificate")
    .where({ id })
    .update({ not_after: new Date(world.clock().getTime() + HOUR_MS) });
  const second = logged();
  await watched.run("certificate.wanted", { certificate_id: id });
  expect(await second).toMatchObject({ level: "warn", msg: message, certificate_id: id });
  await watched.stop();
  worker = world.startWorker({ authority: authorityOf(door) });
});

test("CAA records that name another authority, the wrong method or an unknown critical tag: nobody is asked", async () => {
  const forbidden = await ask(["www.forbidden.test"]);
  expect(forbidden.statusReason).toContain(
    'The CAA records of forbidden.test do not let pebble.letsencrypt.org issue for www.forbidden.test: add  forbidden.test. CAA 0 issue "pebble.letsencrypt.org"',
  );
  expect((await ask(["bound.test"])).statusReason).toContain("do not let pebble.letsencrypt.org issue for bound.test");
  expect((await ask(["odd.test"])).statusReason).toContain("a critical tag that authorities do not know (surprise)");
  expect(orders()).toBe(0);
});

test("CAA records that nobody tells are asked for again, before the authority is", async () => {
  await worker.stop();
  const resolver = createResolver({ servers: ["127.0.0.1:1"], timeoutMs: 200 });
  const lost = world.startWorker({ authority: authorityOf(door), resolver });
  const id = await wish(world.db, ["silent.test"], { customer: world.customer });
  await lost.run("certificate.wanted", { certificate_id: id });
  const waiting = await certificateWhen(world.db, id, ({ statusReason }) => statusReason !== null);
  expect(waiting).toMatchObject({ status: "pending", statusReason: expect.stringContaining("could not be looked up") });
  expect(orders()).toBe(0);
  await lost.stop();
  worker = world.startWorker({ authority: authorityOf(door) });
  world.passTime(60_000);
  await certificateWhen(world.db, id, ({ status }) => status === "active");
});

test("CAA records that name the authority let it issue", async () => {
  expect(await ask(["allowed.test"])).toMatchObject({ status: "active" });
});

test("a name that the authority does not issue for fails with its words", async () => {
  expect((await ask(["shop.blocked.test"])).statusReason).toMatch(/Remove the names that it does not issue for/);
});

test("a name that does not lead here is not asked for; one that is stopped is not tried again", async () => {
  const reason = "away.test has not led here for 7 days.";
  const checking = (isStopped: boolean) =>
    world.startWorker({ authority: authorityOf(door), precheck: async () => ({ ok: false, reason, isStopped }) });
  const other = checking(true);
  await worker.stop();
  const stopped = await ask(["away.test"], other);
  expect(stopped).toMatchObject({ status: "failed", statusReason: reason, renewAt: null });
  await other.stop();
  const patient = checking(false);
  const failed = await ask(["unready.test"], patient);
  expect(failed).toMatchObject({ status: "failed", renewAt: expect.any(Date) });
  expect(failed.statusReason).toContain(`${reason} The next attempt is in a minute`);
  await patient.stop();
  expect(orders()).toBe(0);
  worker = world.startWorker({ authority: authorityOf(door) });
});

test("an authority that does not answer is asked again, and the certificate says so meanwhile", async () => {
  const unreachable = { ...authorityOf(door), directoryUrl: "https://127.0.0.1:1/dir" };
  await worker.stop();
  const lonely = world.startWorker({ authority: unreachable });
  const id = await wish(world.db, ["lonely.test"], { customer: world.customer });
  await lonely.run("certificate.wanted", { certificate_id: id });
  const waiting = await certificateWhen(world.db, id, ({ statusReason }) => statusReason !== null);
  expect(waiting).toMatchObject({ status: "pending", statusReason: expect.stringContaining("does not answer") });
  // Where it is, is nobody's business.
  expect(waiting.statusReason).not.toContain("127.0.0.1");
  await lonely.stop();
  worker = world.startWorker({ authority: authorityOf(door) });
  world.passTime(60_000);
  expect(await certificateWhen(world.db, id, ({ status }) => status === "active")).toMatchObject({
    statusReason: null,
  });
});

test("without an authority the certificate says what the operator has to do", async () => {
  const nobody = world.startWorker({ authority: undefined });
  const { status, statusReason } = await ask(["nobody.test"], nobody);
  expect({ status, statusReason }).toEqual({
    status: "failed",
    statusReason: expect.stringContaining("its operator has to set ACME_DIRECTORY_URL"),
  });
});
