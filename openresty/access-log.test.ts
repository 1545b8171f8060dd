// The access log: one line per request of a customer, in the shape that the control plane reads.
import { readFile, watch } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type AccessLogLine, accessLogLineSchema } from "../agents/contract.ts";
import { startTestEdge, type TestEdge } from "./test-edge.ts";
import { aDistribution, createTestFeed } from "./test-feed.ts";
import { startTestOrigin, type TestOrigin } from "./test-origin.ts";
import { ask } from "./test-viewer.ts";

const feed = createTestFeed();
const distribution = () => aDistribution({ originPort: origin.port });
let edge: TestEdge;
let origin: TestOrigin;
let served: ReturnType<typeof aDistribution>;

beforeAll(async () => {
  [edge, origin] = await Promise.all([startTestEdge({ state: { trust: feed.trust } }), startTestOrigin()]);
  served = distribution();
  await edge.pin({ [`origin.test:${origin.port}`]: ["127.0.0.1"] });
  await edge.apply([feed.put(served)]);
  origin.handle((_, response) => response.setHeader("cache-control", "max-age=60").end("12345"));
});

afterAll(async () => {
  await Promise.all([edge?.stop(), origin?.stop()]);
});

/** Waits until the log has these lines; nginx writes them within a second. */
async function logLinesUntil(areThere: (lines: readonly AccessLogLine[]) => boolean): Promise<AccessLogLine[]> {
  const path = join(edge.home, "logs", "access.log");
  const changes = watch(path, { signal: AbortSignal.timeout(5_000) })[Symbol.asyncIterator]();
  for (let change = changes.next(); ; change = changes.next()) {
    const lines = (await readFile(path, "utf8")).split("\n").slice(0, -1).map(lineOf);
    if (areThere(lines)) return lines;
    await change;
  }
}

function lineOf(text: string): AccessLogLine {
  return accessLogLineSchema.parse(JSON.parse(text));
}

test("a line says what was asked, by whom, and what became of it; nothing else is logged", async () => {
  await ask(edge, {
    path: "/a%20b?token=secret",
    headers: ['User-Agent: a "quoted" agent\\', "Referer: https://user:pw@From.test:8080/x?y"],
  });
  await ask(edge, { path: "/a%20b?token=secret", version: "2" });
  await ask(edge, { path: "/post", version: "3", curl: ["--data-raw", "x=1"] });
  // None of these is a customer's traffic.
  await ask(edge, { host: "unknown.test", path: "/" });
  await ask(edge, { host: "127.0.0.1", path: "/__edge/health" });
  const { probe_secret } = await edge.state();
  await ask(edge, { path: "/", headers: [`X-Edge-Probe: ${probe_secret}`] });
  await ask(edge, { path: "/refused%2f" });

  const lines = await logLinesUntil((all) => all.length >= 4);
  expect(lines).toHaveLength(4);
  const [first, second, third, fourth] = lines;
  expect(first).toMatchObject({
    account: served.accountId,
    distribution: served.id,
    host: "www.example.com",
    method: "GET",
    path: "/a%20b",
    status: 200,
    cache_status: "MISS",
    protocol: "HTTP/1.1",
    tls: "",
    referrer_host: "From.test",
    user_agent: 'a "quoted" agent\\',
    client: "127.0.0.1",
    origin_ms: expect.any(Number),
  });
  expect(Math.abs(Number(first?.time) - Date.now() / 1000)).toBeLessThan(30);
  expect(first?.bytes_out).toBeGreaterThan(5);
  expect(first?.request_id).toMatch(/^[0-9a-f]{32}$/);
  expect(second).toMatchObject({ cache_status: "MISS", protocol: "HTTP/2.0", tls: "TLSv1.3", referrer_host: "" });
  expect(third).toMatchObject({ cache_status: "BYPASS", protocol: "HTTP/3.0", method: "POST", path: "/post" });
  expect(fourth).toMatchObject({ status: 400, cache_status: "NONE", origin_ms: null });
  expect(JSON.stringify(lines)).not.toContain("secret");
});

test("what viewers of an account over its quota are answered is no line: nobody is billed for it", async () => {
  const cutOff = aDistribution({ originPort: origin.port, hosts: ["over.test"], isDisabled: true, isOverQuota: true });
  await edge.apply([feed.put(cutOff)]);
  for (const asked of [
    { path: "/over" },
    { path: "/over", version: "2" as const },
    { path: "/over", version: "3" as const },
    { path: "/over", curl: ["--data-raw", "x=1"] },
    { path: "/over%2f" },
  ]) {
    expect((await ask(edge, { host: "over.test", ...asked })).status).toBe(503);
  }
  await edge.apply([feed.put({ ...cutOff, isDisabled: false, isOverQuota: false })]);
  expect((await ask(edge, { host: "over.test", path: "/raised" })).status).toBe(200);

  const lines = await logLinesUntil((all) => all.some(({ path }) => path === "/raised"));
  expect(lines.filter(({ host }) => host === "over.test")).toMatchObject([{ path: "/raised", status: 200 }]);
});
