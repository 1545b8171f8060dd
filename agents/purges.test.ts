// Purges on the way from the feed to nginx: they wait for no document, and a restart forgets none.
import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "vitest";
import { hashOf, type PurgeBody } from "./contract.ts";
import { startTestWorld, type TestWorld } from "./test-world.ts";

const HOST = "www.example.com";
const BAD_DOCUMENTS = 200;

let world: TestWorld;
let distribution: string;

beforeEach(async () => {
  world = await startTestWorld();
  distribution = world.putDocument(HOST).id;
});
afterEach(() => world.stop());

function purge(what: Pick<PurgeBody, "all" | "urls">): number {
  const body = JSON.stringify({ format: 1, distribution, epoch: Date.now(), ...what } satisfies PurgeBody);
  return world.controlPlane.put("purge", randomUUID(), body).rev;
}

async function view(path: string): Promise<void> {
  expect((await world.node.get(HOST, path)).status).toBe(200);
}

const asked = (path: string) => world.origin.requests.filter((url) => url === path).length;

/** Viewers come until one of them was not answered from the cache. */
function untilAsked(path: string, times: number): Promise<void> {
  const count = async () => {
    await view(path);
    return asked(path);
  };
  return expect.poll(count, { timeout: 10_000, interval: 20 }).toBe(times);
}

async function startWithPage(path: string, settings = {}) {
  const agent = await world.node.start(settings);
  await world.controlPlane.untilReport(({ applied }) => applied === world.controlPlane.rev());
  await view(path);
  await view(path);
  expect(asked(path)).toBe(1);
  return agent;
}

/** Of a newer format, and so large that a page of changes holds no more than a third of them. */
function putLargeBadDocuments(): void {
  const body = JSON.stringify({ format: 99, padding: "x".repeat(60_000) });
  for (let count = 0; count < BAD_DOCUMENTS; count += 1) world.controlPlane.put("document", randomUUID(), body);
}

test("what is purged comes from the origin once more, and nothing else; a restart of nginx changes nothing", async () => {
  await startWithPage("/a");
  await view("/b");
  const rev = purge({ urls: ["/a"] });
  const report = await world.controlPlane.untilReport(({ applied }) => applied === rev);
  expect(report).toMatchObject({ refused: [], state_hash: world.controlPlane.stateHash() });
  await view("/a");
  expect([asked("/a"), asked("/b")]).toEqual([2, 1]);
  await world.node.killNginx();
  const answered = async () => (await world.node.get(HOST, "/a").catch(() => undefined))?.status;
  await expect.poll(answered, { timeout: 10_000 }).toBe(200);
  await view("/b");
  expect([asked("/a"), asked("/b")]).toEqual([2, 1]);
});

test("a purge does not wait for bad documents of its page, nor for those of the pages before it", async () => {
  await startWithPage("/a");
  const { applied } = await world.controlPlane.untilReport(() => true);
  putLargeBadDocuments();
  purge({ urls: ["/a"] });
  await untilAsked("/a", 2);
  const stopped = await world.controlPlane.untilReport(({ refused }) => refused.length > 20);
  expect(stopped.applied).toBe(applied);
  // The alarm lasts.
  purge({ all: true });
  await untilAsked("/a", 3);
  expect(world.controlPlane.reports.at(-1)?.applied).toBe(applied);
});

test("nor in a snapshot", async () => {
  const agent = await startWithPage("/a", { EDGE_KEEP_SERVING: true });
  await agent.stop();
  putLargeBadDocuments();
  purge({ urls: ["/a"] });
  world.controlPlane.makeCheckpoint({ forget: true });
  await world.node.start({ EDGE_KEEP_SERVING: true });
  await untilAsked("/a", 2);
  await world.controlPlane.untilReport(({ refused }) => refused.length > 20);
});

test("one whose signature is not the feed's is refused, and goes to nginx on no way", async () => {
  await startWithPage("/a");
  const body = JSON.stringify({ format: 1, distribution, epoch: Date.now(), all: true });
  const record = { kind: "purge", id: randomUUID(), rev: world.controlPlane.rev() + 1, op: "put", body } as const;
  const signed = world.controlPlane.sign({ ...record, hash: hashOf(body) });
  world.controlPlane.append({ ...signed, signature: `${signed.signature.slice(0, -8)}AAAAAA==` });
  const report = await world.controlPlane.untilReport(({ applied }) => applied === record.rev);
  expect(report.refused).toMatchObject([{ kind: "purge", id: record.id, stage: "verify" }]);
  await view("/a");
  expect(asked("/a")).toBe(1);
});
