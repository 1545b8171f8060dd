// Prefetches: the agent asks its own edge once for what is news, past the rules for viewers.
import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "vitest";
import { compileDocument } from "../edge-templates/index.ts";
import { exampleDistribution, exampleOrigin } from "../edge-templates/test-examples.ts";
import { askAsViewer } from "./apply/viewer-request.ts";
import type { PrefetchBody } from "./contract.ts";
import { startTestWorld, type TestWorld } from "./test-world.ts";

const HOST = "www.example.com";

let world: TestWorld;
beforeEach(async () => {
  world = await startTestWorld();
});
afterEach(() => world.stop());

function prefetch(distribution: string, ...paths: string[]): void {
  const urls = paths.map((path) => `http://${HOST}${path}`);
  const body = JSON.stringify({ format: 1, distribution, urls } satisfies PrefetchBody);
  world.controlPlane.put("prefetch", randomUUID(), body);
}

const asked = () => [...world.origin.requests].sort();
const isApplied = () => world.controlPlane.untilReport(({ applied }) => applied === world.controlPlane.rev());

test("what is prefetched is there before the first viewer, and is fetched once", async () => {
  const { id } = world.putDocument(HOST);
  const first = await world.node.start();
  await isApplied();
  prefetch(id, "/a?x=1", "/b");
  await expect.poll(asked, { timeout: 5_000 }).toEqual(["/a?x=1", "/b"]);
  expect((await world.node.get(HOST, "/a?x=1")).status).toBe(200);
  expect(asked()).toEqual(["/a?x=1", "/b"]);
  // What lies on the disk, or in a snapshot, is no news.
  await first.stop();
  world.controlPlane.makeCheckpoint({ forget: true });
  await world.node.start();
  prefetch(id, "/c");
  await expect.poll(asked, { timeout: 5_000 }).toEqual(["/a?x=1", "/b", "/c"]);
});

test("one that fails keeps nothing up and is told in the log", async () => {
  const { id } = world.putDocument(HOST);
  await world.node.start();
  await isApplied();
  const body = { format: 1, distribution: id, urls: [`https://other.example.com/x`] };
  world.controlPlane.put("prefetch", randomUUID(), JSON.stringify(body));
  world.controlPlane.put("prefetch", randomUUID(), '{"format":2}');
  prefetch(id, "/a");
  await expect.poll(asked, { timeout: 5_000 }).toEqual(["/a"]);
  expect(await isApplied()).toMatchObject({ refused: [], state_hash: world.controlPlane.stateHash() });
});

test("access rules and rate limits are for viewers: a prefetch passes, and nobody else by its door", async () => {
  const id = randomUUID();
  const document = compileDocument({
    ...exampleDistribution,
    ...{ id, accountId: randomUUID(), hosts: [HOST] },
    origins: [
      {
        ...exampleOrigin,
        ...{
          id: randomUUID(),
          scheme: "http",
          host: "127.0.0.1",
          port: world.origin.port,
          hostHeader: HOST,
          sni: HOST,
        },
      },
    ],
    accessRules: [{ paths: [], action: "deny", type: "ip", networks: ["127.0.0.0/8"] }],
    rateLimits: [{ paths: [], requests: 1, perSeconds: 60, burst: 0 }],
  });
  world.controlPlane.put("document", id, document.body);
  await world.node.start();
  await isApplied();
  prefetch(id, "/a", "/b", "/c");
  await expect.poll(asked, { timeout: 5_000 }).toEqual(["/a", "/b", "/c"]);
  const door = { scheme: "http", host: "127.0.0.1", port: world.node.ports.http } as const;
  const headers = { "user-agent": "edgewright-prefetch", "x-edge-prefetch": "0".repeat(48) };
  expect((await askAsViewer({ door, host: HOST, path: "/a", headers, timeoutMs: 5_000 })).status).toBe(403);
  expect((await world.node.get(HOST, "/a")).status).toBe(403);
});
