// Wildcards, proven by TXT records in the platform's own zone, at a real name server that takes signed updates.
import { randomUUID, X509Certificate } from "node:crypto";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { ZoneUpdateRefused } from "../../../platform/dns/update.ts";
import { delegationTarget } from "../certificate/index.ts";
import {
  certificateWhen,
  createTestWorld,
  getCertificate,
  orderWhen,
  startTestNames,
  type TestNames,
  type TestWorld,
  wish,
  ZONE,
} from "./test-world.ts";

// A customer's CNAME names the account, so the account is there before the zone is.
const accountId = randomUUID();
const delegated = (name: string) =>
  `_acme-challenge.${name} CNAME ${delegationTarget(accountId, `${name}.test`, ZONE)}.`;

// An authority that is asked while other tests keep the machine busy.
vi.setConfig({ testTimeout: 120_000 });

let names: TestNames;
let world: TestWorld;
let worker: ReturnType<TestWorld["startWorker"]>;

beforeAll(async () => {
  names = await startTestNames([
    delegated("wild"),
    delegated("apart"),
    "wild A 127.0.0.1",
    "apart A 127.0.0.1",
    "undelegated A 127.0.0.1",
  ]);
  world = await createTestWorld(names, { pebble: { authorizationReusePercent: 0 } });
  await world.db("account").insert({ id: accountId, name: "delegating" });
  worker = world.startWorker();
});
afterAll(async () => {
  await world.stop();
  await names.stop();
});

async function ask(wanted: readonly string[], owner: string | null = accountId, by = worker) {
  const customer = owner === null ? null : { ...world.customer, accountId: owner };
  const id = await wish(world.db, wanted, { customer });
  await by.run("certificate.wanted", { certificate_id: id });
  return certificateWhen(world.db, id, ({ status }) => status !== "pending");
}

async function recordsAt(name: string): Promise<readonly string[]> {
  const answer = await world.acmeSettings.resolver.resolve(name, "TXT");
  return answer.kind === "found" ? answer.values : [];
}

test("a wildcard is proven through the CNAME that its owner set once, beside its base name by HTTP-01, and nothing is left in the zone", async () => {
  const { id, chain, status } = await ask(["*.wild.test", "wild.test"]);
  expect(status).toBe("active");
  expect(new X509Certificate(chain ?? "").subjectAltName).toBe("DNS:*.wild.test, DNS:wild.test");
  const order = await orderWhen(world.db, id, ({ isPublished }) => !isPublished);
  expect(order.methods).toEqual({ "*.wild.test": "dns-01", "wild.test": "http-01" });
  expect(await recordsAt(delegationTarget(accountId, "wild.test", ZONE))).toEqual([]);
});

test("a name that leads elsewhere is proven by DNS where its owner has delegated that", async () => {
  await worker.stop();
  const reason = "apart.test does not lead here.";
  const away = world.startWorker({ precheck: async () => ({ ok: false, reason, isStopped: false }) });
  const { id, status } = await ask(["apart.test"], accountId, away);
  expect(status).toBe("active");
  expect((await orderWhen(world.db, id, () => true)).methods).toEqual({ "apart.test": "dns-01" });
  expect((await ask(["undelegated.test"], accountId, away)).statusReason).toContain(reason);
  // Delegated, but to another account's proofs.
  expect((await ask(["apart.test"], world.customer.accountId, away)).statusReason).toContain(reason);
  await away.stop();
  worker = world.startWorker();
});

test("the platform's own names share one certificate, proven in the zone itself", async () => {
  const wanted = [ZONE, `*.${ZONE}`, `*.cdn.${ZONE}`];
  const { id, chain, status } = await ask(wanted, null);
  expect(status).toBe("active");
  expect(new X509Certificate(chain ?? "").subjectAltName?.split(", ").sort()).toEqual(
    wanted.map((name) => `DNS:${name}`).sort(),
  );
  await orderWhen(world.db, id, ({ isPublished }) => !isPublished);
  expect(await recordsAt(`_acme-challenge.${ZONE}`)).toEqual([]);
});

test("without a zone that takes updates, a wildcard's reason names what the operator has to set", async () => {
  await worker.stop();
  const bare = world.startWorker({ updater: undefined });
  expect((await ask(["*.other.test"], accountId, bare)).statusReason).toContain("ACME_DNS_SERVER and ACME_DNS_TSIG");
  await bare.stop();
  worker = world.startWorker();
});

test("a zone that refuses the update is asked again, and the certificate says why it waits", async () => {
  await worker.stop();
  const refusing = {
    addTxt: () => Promise.reject(new ZoneUpdateRefused("it does not know the key")),
    removeTxt: () => Promise.resolve(),
  };
  const shut = world.startWorker({ updater: refusing });
  const id = await wish(world.db, ["*.wild.test"], { customer: { ...world.customer, accountId } });
  await shut.run("certificate.wanted", { certificate_id: id });
  await certificateWhen(
    world.db,
    id,
    ({ statusReason }) => statusReason?.includes("The DNS zone of this platform does not answer") ?? false,
  );
  expect(await getCertificate(world.db, id)).toMatchObject({ status: "pending" });
  await shut.stop();
  world.passTime(60_000);
  worker = world.startWorker();
  expect(await certificateWhen(world.db, id, ({ status }) => status === "active")).toMatchObject({ version: 1 });
});
