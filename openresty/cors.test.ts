// What browsers of other sites are told: before a request, and with every answer, whoever asked first.
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { DesiredCors } from "../edge-templates/index.ts";
import { answering, startTestSites, type TestSites } from "./test-site.ts";

let sites: TestSites;

beforeAll(async () => {
  sites = await startTestSites();
});

afterAll(async () => {
  await sites?.stop();
});

beforeEach(() => {
  sites.origin.seen.length = 0;
});

const [APP, SHOP, EVIL] = ["https://app.test", "http://shop.test:3000", "https://evil.test"];
const named: DesiredCors = {
  allowOrigins: [APP, SHOP],
  allowMethods: ["GET", "PUT"],
  allowHeaders: ["Authorization", "X-Client"],
  exposeHeaders: ["ETag", "X-Total"],
  maxAgeSeconds: 600,
  allowCredentials: true,
};

function told(headers: Readonly<Record<string, string>>) {
  const names = Object.entries(headers).flatMap(([name, value]) =>
    name.startsWith("access-control-") ? [[name.slice("access-control-".length), value]] : [],
  );
  return Object.fromEntries(names);
}

test("a question before a request is answered by the edge alone", async () => {
  const site = await sites.serve({ cors: named });
  const question = (origin: string) =>
    site.ask("/api", {
      curl: ["-X", "OPTIONS"],
      headers: [`Origin: ${origin}`, "Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: x-client"],
    });
  const answer = await question(SHOP);
  expect([answer.status, answer.body]).toEqual([204, ""]);
  expect(told(answer.headers)).toEqual({
    "allow-origin": SHOP,
    "allow-credentials": "true",
    "allow-methods": "GET, PUT",
    "allow-headers": "Authorization, X-Client",
    "max-age": "600",
  });
  expect(answer.headers.vary).toContain("Origin");
  const refused = await question(EVIL);
  expect([refused.status, told(refused.headers)]).toEqual([204, {}]);
  expect(sites.origin.seen).toEqual([]);
  // A plain OPTIONS is the origin's.
  await site.ask("/api", { curl: ["-X", "OPTIONS"], headers: [`Origin: ${APP}`] });
  expect(sites.origin.seen.map(({ method }) => method)).toEqual(["OPTIONS"]);
});

test("one cached answer is right for every origin", async () => {
  const site = await sites.serve({ cors: named });
  sites.origin.handle(
    answering({
      "cache-control": "max-age=60",
      vary: "Accept-Encoding",
      "access-control-allow-origin": EVIL,
      "access-control-allow-credentials": "true",
      "access-control-expose-headers": "X-Secret",
    }),
  );
  const good = (origin: string) => ({
    "allow-origin": origin,
    "allow-credentials": "true",
    "expose-headers": "ETag, X-Total",
  });
  for (const [origin, expected, cache] of [
    [APP, good(APP), "MISS"],
    [SHOP, good(SHOP), "HIT"],
    [EVIL, {}, "HIT"],
    [`${APP}.evil.test`, {}, "HIT"],
    ["null", {}, "HIT"],
    ["", {}, "HIT"],
  ] as const) {
    const answer = await site.ask("/a", { headers: origin === "" ? [] : [`Origin: ${origin}`] });
    expect([answer.headers["x-cache"], told(answer.headers)], origin).toEqual([cache, expected]);
    expect(answer.lines.filter((line) => /^vary:/i.test(line)).join()).toMatch(/Accept-Encoding.*Origin/);
  }
});

test("an answer that is not kept is told of in the same way", async () => {
  const site = await sites.serve({ cors: named });
  sites.origin.handle(answering({ "access-control-allow-origin": EVIL }));
  const answer = await site.ask("/a", { headers: [`Origin: ${APP}`], curl: ["--data-raw", "a=1"] });
  expect(told(answer.headers)).toMatchObject({ "allow-origin": APP });
});

test("what is for everybody says so to everybody", async () => {
  const cors = { ...named, allowOrigins: ["*"], allowCredentials: false, exposeHeaders: [] };
  const site = await sites.serve({ cors });
  sites.origin.handle(answering({ "cache-control": "max-age=60" }));
  for (const headers of [[], [`Origin: ${EVIL}`]]) {
    const answer = await site.ask("/a", { headers });
    expect(told(answer.headers)).toEqual({ "allow-origin": "*" });
    expect(answer.headers).not.toHaveProperty("vary");
  }
});

test("without the distribution's word the origin's own passes", async () => {
  const site = await sites.serve({ cors: null });
  sites.origin.handle(answering({ "access-control-allow-origin": EVIL }));
  expect(told((await site.ask("/a")).headers)).toEqual({ "allow-origin": EVIL });
  await site.ask("/a", {
    curl: ["-X", "OPTIONS"],
    headers: [`Origin: ${APP}`, "Access-Control-Request-Method: PUT"],
  });
  expect(sites.origin.seen.at(-1)?.method).toBe("OPTIONS");
});
