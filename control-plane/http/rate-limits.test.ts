import { randomUUID } from "node:crypto";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { startTestRedis, type TestService } from "../../platform/embedded/test-services.ts";
import { connectRedis } from "../jobs/queue.ts";
import { noRequest } from "./caller.ts";
import { defineRoute } from "./define-route.ts";
import { unauthorized } from "./problems.ts";
import { createRateLimits, type RateLimitSettings } from "./rate-limits.ts";
import type { Authentication } from "./server.ts";
import { type BookApi, bookId, bookRoutes, log, startBookApi, waitForLine } from "./test-books.ts";

const ADDRESS_LIMIT = 10;
const TOKEN_LIMIT = 20;
const ATTEMPTS_LIMIT = 3;
const BAN_SECONDS = 900;
const settings: RateLimitSettings = {
  addressPerMinute: ADDRESS_LIMIT,
  tokenPerMinute: TOKEN_LIMIT,
  attemptsPerMinute: ATTEMPTS_LIMIT,
  banSeconds: BAN_SECONDS,
};

let service: TestService;
const stops: (() => Promise<void>)[] = [];

beforeAll(async () => {
  service = await startTestRedis();
});

afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
  const redis = new Redis(service.url);
  await redis.flushall();
  redis.disconnect();
});

afterAll(() => service.stop());

const tokens = new Map<string, { id: string; isRevoked: boolean }>();
let looksInTheDatabase = 0;

/** A token that its signature proves (`signed …`), or one that only a look in the database does. */
function issueToken(kind: "signed" | "stored"): string {
  const token = `${kind}-${randomUUID()}`;
  tokens.set(token, { id: randomUUID(), isRevoked: false });
  return token;
}

const bearer = (header: (name: string) => string | undefined) => header("authorization")?.replace("Bearer ", "") ?? "";

const authenticate: Authentication = {
  account: async ({ header }) => {
    looksInTheDatabase += 1;
    const token = tokens.get(bearer(header));
    if (token === undefined || token.isRevoked) throw unauthorized("Log in first.");
    const caller = {
      userId: "u1",
      accountId: "a1",
      accountRole: "editor",
      platformRole: "user",
      scopes: "all",
    } as const;
    return { ...caller, ...noRequest, apiTokenId: token.id };
  },
  user: async () => ({ userId: "u1", sessionId: "s1", platformRole: "user", ...noRequest }),
  edge: async ({ header }) => {
    if (bearer(header) !== "edge") throw unauthorized("No edge of ours.");
    return { edgeId: "e1", scope: "g1" };
  },
  tokenIdOf: async ({ header }) => {
    const token = bearer(header);
    return token.startsWith("signed") ? tokens.get(token)?.id : undefined;
  },
};

const routes = [
  ...bookRoutes,
  defineRoute({
    method: "GET",
    path: "/mine",
    operationId: "getMine",
    tag: "Books",
    summary: "Needs a token",
    access: { kind: "account", role: "viewer", scope: "account:read" },
    reply: { status: 200, body: z.object({}) },
    handle: async () => ({ body: {} }),
  }),
  ...(["login", "register"] as const).map((attempt) =>
    defineRoute({
      method: "POST",
      path: `/${attempt}`,
      operationId: attempt,
      tag: "Books",
      summary: "An attempt",
      access: { kind: "public" },
      attempts: true,
      reply: { status: 204, empty: true },
      handle: async () => ({}),
    }),
  ),
];

/** Each with a connection of its own, as processes have. */
async function startLimitedApi({
  trustedProxies = ["loopback"],
  redisUrl = service.url,
  // Nobody is slow enough for it but who hangs.
  redisTimeoutMs = 10_000,
  rules = settings,
} = {}): Promise<BookApi> {
  const redis = connectRedis(redisUrl, log, { enableOfflineQueue: false, commandTimeout: redisTimeoutMs });
  if (redisUrl === service.url) await new Promise<void>((resolve) => redis.once("ready", resolve));
  const limits = createRateLimits({ redis, log }, rules);
  const api = await startBookApi({ routes, authenticate, limits, trustedProxies });
  stops.push(async () => {
    await api.stop();
    redis.disconnect();
  });
  return api;
}

async function inTurn(times: number, ask: (index: number) => Promise<Response>): Promise<number[]> {
  const statuses: number[] = [];
  for (let index = 0; index < times; index += 1) statuses.push((await ask(index)).status);
  return statuses;
}

const book = `/api/v1/books/${bookId}`;
const from = (client: string, token?: string) => ({
  headers: { "x-forwarded-for": client, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
});
const times = (count: number, status: number) => Array.from({ length: count }, () => status);

test("two API processes count together: an address has its limit of both, and each answer tells what is left", async () => {
  const [first, second] = [await startLimitedApi(), await startLimitedApi()];
  const reply = await first.ask(book, from("192.0.2.1"));
  expect(Object.fromEntries(reply.headers)).toMatchObject({
    "ratelimit-limit": String(ADDRESS_LIMIT),
    "ratelimit-remaining": String(ADDRESS_LIMIT - 1),
    "ratelimit-policy": `${ADDRESS_LIMIT};w=60`,
    "ratelimit-reset": expect.stringMatching(/^([1-5]?\d|60)$/),
  });
  expect(await inTurn(5, () => first.ask(book, from("192.0.2.1")))).toEqual(times(5, 200));
  expect(await inTurn(4, () => second.ask(book, from("192.0.2.1")))).toEqual(times(4, 200));
  for (const api of [first, second]) {
    const refused = await api.ask(book, from("192.0.2.1"));
    expect([refused.status, await refused.json()]).toMatchObject([
      429,
      { type: "urn:edgewright:problem:too-many-requests" },
    ]);
    expect(refused.headers.get("ratelimit-remaining")).toBe("0");
    const retryAfter = Number(refused.headers.get("retry-after"));
    expect(retryAfter).toBeGreaterThan(0);
    expect(retryAfter).toBeLessThanOrEqual(60);
    expect(refused.headers.get("ratelimit-reset")).toBe(String(retryAfter));
  }
  expect((await second.ask(book, from("192.0.2.2"))).status).toBe(200);
});

test("requests that come all at once are counted one by one", async () => {
  const [first, second] = [await startLimitedApi(), await startLimitedApi()];
  const replies = await Promise.all(
    Array.from({ length: 3 * ADDRESS_LIMIT }, (_, index) => (index % 2 ? first : second).ask(book, from("192.0.2.1"))),
  );
  expect(replies.filter((reply) => reply.status === 200)).toHaveLength(ADDRESS_LIMIT);
  const left = replies.filter((reply) => reply.status === 200).map((reply) => reply.headers.get("ratelimit-remaining"));
  expect(new Set(left).size).toBe(ADDRESS_LIMIT);
});

test("tokens that nobody issued count for their address, which over its limit is not looked up any more", async () => {
  const api = await startLimitedApi();
  looksInTheDatabase = 0;
  const guesses = await inTurn(ADDRESS_LIMIT + 5, (index) =>
    api.ask("/api/v1/mine", from("192.0.2.1", `stored-${index}`)),
  );
  expect(guesses).toEqual([...times(ADDRESS_LIMIT, 401), ...times(5, 429)]);
  expect(looksInTheDatabase).toBe(ADDRESS_LIMIT);
});

test("behind an address over its limit, whoever has a good token goes on, up to a limit of its own", async () => {
  const [first, second] = [await startLimitedApi(), await startLimitedApi()];
  const [signed, stored] = [issueToken("signed"), issueToken("stored")];
  const mine = (token: string, api = first) => api.ask("/api/v1/mine", from("192.0.2.1", token));
  const looked = await mine(stored);
  expect([looked.status, looked.headers.get("ratelimit-limit")]).toEqual([200, String(TOKEN_LIMIT)]);
  // The first look at the stored token was taken back.
  expect(await inTurn(ADDRESS_LIMIT + 1, () => first.ask(book, from("192.0.2.1")))).toEqual([
    ...times(ADDRESS_LIMIT, 200),
    429,
  ]);
  expect(await inTurn(TOKEN_LIMIT, (index) => mine(signed, index % 2 ? first : second))).toEqual(
    times(TOKEN_LIMIT, 200),
  );
  const over = await mine(signed, second);
  expect([over.status, over.headers.get("ratelimit-limit")]).toEqual([429, String(TOKEN_LIMIT)]);
  expect((await mine(stored)).status).toBe(200);
});

test("a token that was revoked is no better than none", async () => {
  const api = await startLimitedApi();
  const token = issueToken("signed");
  const mine = () => api.ask("/api/v1/mine", from("192.0.2.1", token));
  expect((await mine()).status).toBe(200);
  tokens.set(token, { id: tokens.get(token)?.id ?? "", isRevoked: true });
  looksInTheDatabase = 0;
  expect(await inTurn(TOKEN_LIMIT, mine)).toEqual([
    ...times(ADDRESS_LIMIT, 401),
    ...times(TOKEN_LIMIT - ADDRESS_LIMIT, 429),
  ]);
  expect(looksInTheDatabase).toBe(ADDRESS_LIMIT);
});

test("an attempt too many bans the address from that route in every process, good ones counted too", async () => {
  const [first, second] = [await startLimitedApi(), await startLimitedApi()];
  const logIn = (api: BookApi, client: string) => api.ask("/api/v1/login", { method: "POST", ...from(client) });
  expect(await inTurn(ATTEMPTS_LIMIT, () => logIn(first, "192.0.2.1"))).toEqual(times(ATTEMPTS_LIMIT, 204));
  for (const api of [second, first, second]) {
    const banned = await logIn(api, "192.0.2.1");
    expect([banned.status, banned.headers.get("ratelimit-limit")]).toEqual([429, String(ATTEMPTS_LIMIT)]);
    const retryAfter = Number(banned.headers.get("retry-after"));
    expect(retryAfter).toBeGreaterThan(BAN_SECONDS - 20);
    expect(retryAfter).toBeLessThanOrEqual(BAN_SECONDS);
  }
  expect((await first.ask(book, from("192.0.2.1"))).status).toBe(200);
  expect((await first.ask("/api/v1/register", { method: "POST", ...from("192.0.2.1") })).status).toBe(204);
  expect((await logIn(first, "192.0.2.2")).status).toBe(204);
});

test("a ban ends by itself, however often somebody tries meanwhile", async () => {
  const api = await startLimitedApi({ rules: { ...settings, addressPerMinute: 1_000_000, banSeconds: 1 } });
  const logIn = () => api.ask("/api/v1/login", { method: "POST", ...from("192.0.2.1") });
  expect((await inTurn(ATTEMPTS_LIMIT + 1, logIn)).at(-1)).toBe(429);
  let status = 429;
  while (status === 429) status = (await logIn()).status;
  expect(status).toBe(204);
});

test("all addresses of one IPv6 /64 are one", async () => {
  const api = await startLimitedApi();
  const statuses = await inTurn(ADDRESS_LIMIT + 1, (index) => api.ask(book, from(`2001:db8:1:2::${index}`)));
  expect(statuses.at(-1)).toBe(429);
  expect((await api.ask(book, from("2001:db8:1:3::1"))).status).toBe(200);
});

test("without trusted proxies a forged X-Forwarded-For changes nothing", async () => {
  const api = await startLimitedApi({ trustedProxies: [] });
  const statuses = await inTurn(ADDRESS_LIMIT + 1, (index) => api.ask(book, from(`192.0.2.${index}`)));
  expect(statuses.at(-1)).toBe(429);
});

test("probes, metrics, docs, OPTIONS and edges with a good credential are not counted; all else is", async () => {
  const api = await startLimitedApi();
  const free = ["/health", "/ready", "/metrics", "/docs", "/docs/start.js"];
  for (const path of free) {
    const reply = await api.ask(path, from("192.0.2.1"));
    expect([reply.status, reply.headers.get("ratelimit-limit")]).toEqual([200, null]);
  }
  await api.ask(book, { method: "OPTIONS", ...from("192.0.2.1") });
  const sendLogs = (token: string) =>
    api.ask("/edge/v1/logs", {
      method: "POST",
      body: "x",
      headers: { ...from("192.0.2.1", token).headers, "content-type": "application/x-ndjson" },
    });
  expect(await inTurn(ADDRESS_LIMIT + 1, () => sendLogs("edge"))).toEqual(times(ADDRESS_LIMIT + 1, 200));

  const counted = [
    await api.ask(book, { method: "HEAD", ...from("192.0.2.1") }),
    await api.ask("/api/v1/nothing", from("192.0.2.1")),
    await api.ask(book, { method: "DELETE", ...from("192.0.2.1") }),
    await sendLogs("stranger"),
  ];
  expect(counted.map((reply) => [reply.status, reply.headers.get("ratelimit-remaining")])).toEqual([
    [200, "9"],
    [404, "8"],
    [405, "7"],
    [401, "6"],
  ]);
});

test("without Redis each process counts for itself", async () => {
  const gone = "redis://127.0.0.1:1";
  const [first, second] = [await startLimitedApi({ redisUrl: gone }), await startLimitedApi({ redisUrl: gone })];
  for (const api of [first, second]) {
    const statuses = await inTurn(ADDRESS_LIMIT + 1, () => api.ask(book, from("192.0.2.1")));
    expect(statuses).toEqual([...times(ADDRESS_LIMIT, 200), 429]);
    const attempts = await inTurn(ATTEMPTS_LIMIT + 1, () =>
      api.ask("/api/v1/login", { method: "POST", ...from("192.0.2.3") }),
    );
    expect(attempts).toEqual([...times(ATTEMPTS_LIMIT, 204), 429]);
  }
});

const isOfAddresses = (line: Record<string, unknown>) => line.limit === "address";

test("a Redis that hangs is left alone, and taken up when it answers again", async () => {
  const redis = new Redis(service.url);
  const api = await startLimitedApi({ redisTimeoutMs: 250 });
  const alone = waitForLine("rate limits are counted per process: redis does not answer", isOfAddresses);
  await redis.client("PAUSE", 1_500);
  expect((await api.ask(book, from("192.0.2.1"))).status).toBe(200);
  expect(await alone).toMatchObject({ level: "warn" });
  await redis.ping();
  const shared = waitForLine("rate limits are counted in redis again", isOfAddresses);
  let isShared = false;
  void shared.then(() => {
    isShared = true;
  });
  while (!isShared) await api.ask(book, from(`192.0.2.${Math.floor(Math.random() * 250)}`));
  expect(await shared).toMatchObject({ level: "info" });
  redis.disconnect();
});
