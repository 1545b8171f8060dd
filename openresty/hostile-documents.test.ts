// Hostile texts in every text of a document, through a real nginx: first as customers' wishes that go through the compiler,
// then in the document itself, as if the compiler had let them pass. Whatever is taken: no header line is added to what
// viewers and origins read, no line of the log is broken, no Lua fails, and the neighbour notices nothing.
import { randomUUID } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Pool } from "undici";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { accessLogLineSchema, type FeedRecord } from "../agents/contract.ts";
import { CompileRefusal, compileDocument } from "../edge-templates/index.ts";
import { readDesired } from "../edge-templates/test-desired.ts";
import { countryFile } from "./test-country-file.ts";
import { FIXED_TEXTS, generatedTexts } from "./test-hostile-texts.ts";
import { answering, startTestSites, type TestSite, type TestSites } from "./test-site.ts";

const TEXTS = [...FIXED_TEXTS, ...generatedTexts(2100)];
/** Values that are no texts where one should be. */
const OTHER_VALUES = [null, true, 0, -1, 1e308, [], {}, [1], ["a", {}], { a: 1 }];
const BATCH = 100;

/** The account is the document's own text: a line of one that is none is whole, and for agents to leave out (line.test.ts). */
const wholeLineSchema = accessLogLineSchema.extend({ account: z.string() });

type Json = string | number | boolean | null | Json[] | { [name: string]: Json };
type Path = readonly (string | number)[];

let sites: TestSites;
let neighbour: TestSite;
let viewers: Pool;
let folder: string;
const secretId = randomUUID();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "edgewright-hostile-"));
  const file = join(folder, "countries.mmdb");
  await writeFile(file, countryFile({ "127.0.0.2/32": "DE" }));
  sites = await startTestSites({ countryFile: file, documentsMax: 100_000 });
  await sites.edge.control("PUT", "/secrets", JSON.stringify({ [secretId]: "key" }));
  neighbour = await sites.serve();
  viewers = new Pool(`http://127.0.0.1:${sites.edge.httpPort}`, { connections: 8 });
  sites.origin.handle(answering({ "cache-control": "max-age=600", "content-type": "text/css" }));
  await neighbour.ask("/kept");
});

afterAll(async () => {
  await viewers?.destroy();
  await sites?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** A distribution that says all that can be said, as the JSON of its differences from the example. */
function everything(host: string): Json {
  const origin = {
    ...{ id: randomUUID(), scheme: "http", host: "origin.test", port: sites.origin.port, hostHeader: "origin.test" },
    sni: "origin.test",
  };
  const bucket = {
    ...{ ...origin, id: randomUUID(), primary: false, host: "bucket.test", hostHeader: "bucket.test" },
    healthCheck: {
      ...{ path: "/health", intervalSeconds: 3600, timeoutSeconds: 5, statuses: [{ from: 200, to: 299 }] },
      ...{ healthyAfter: 1, unhealthyAfter: 1 },
    },
    bucket: { name: "files", region: "eu-1", style: "path", accessKeyId: "AKIA", secretId },
  };
  const cacheRule = {
    ...{ paths: ["/a*"], extensions: ["css"], contentTypes: ["text/css"], mode: "override", ttlSeconds: 60 },
    ...{ ttlByStatus: { "404": 5 }, browserTtlSeconds: 30, query: { mode: "include", names: ["x"] } },
    ...{ cookies: ["session"], headers: ["x-device"] },
  };
  const rule = { paths: ["/a*"], action: "allow" };
  return {
    desired: "distribution",
    hosts: [host],
    origins: [origin, bucket],
    cacheRules: [cacheRule],
    headerRules: [
      { phase: "request", action: "set", name: "x-request", value: "a", paths: ["/a*"] },
      { phase: "response", action: "set", name: "x-response", value: "a", paths: ["/a*"] },
      { phase: "response", action: "add", name: "x-added", value: "a", paths: [] },
    ],
    redirects: [{ source: "/old/*", target: "https://other.test/:splat?a=1#b", status: 301, isQueryKept: true }],
    accessRules: [
      { type: "country", action: "deny", countries: ["DE"], paths: ["/a*"] },
      { ...rule, type: "ip", networks: ["127.0.0.0/8"] },
      { ...rule, type: "referrer", hosts: ["referrer.test"], isEmptyNamed: true },
      { ...rule, type: "user_agent", patterns: ["*agent*"] },
      { ...rule, type: "signed_url", secretIds: [secretId], paths: ["/signed/*"] },
    ],
    hsts: { maxAgeSeconds: 600, includeSubdomains: true, preload: false },
    rateLimits: [{ paths: ["/a*"], requests: 1000, perSeconds: 1, burst: 10 }],
    cors: {
      ...{ allowOrigins: ["https://app.test"], allowMethods: ["GET"], allowHeaders: ["x-a"], exposeHeaders: ["x-b"] },
      ...{ maxAgeSeconds: 5, allowCredentials: true },
    },
  };
}

/** Where the texts are. */
function textPaths(value: Json, at: Path = []): Path[] {
  if (typeof value === "string") return [at];
  if (value === null || typeof value !== "object") return [];
  return Object.entries(value).flatMap(([name, member]) => textPaths(member, [...at, name]));
}

function replaced(value: Json, [name, ...rest]: Path, by: (text: Json) => Json): Json {
  if (name === undefined) return by(value);
  if (Array.isArray(value)) {
    return value.map((member, index) => (`${index}` === `${name}` ? replaced(member, rest, by) : member));
  }
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, key === name ? replaced(member, rest, by) : member]),
  );
}

/** Alone, in front of what is there, or behind it. */
const placed = (text: string, turn: number) => (value: Json) =>
  [text, `${text}${value}`, `${value}${text}`][turn % 3] ?? text;

interface Case {
  readonly id: string;
  readonly host: string;
  readonly body: string;
}

let made = 0;
function nextHost(): string {
  made += 1;
  return `hostile-${made}.test`;
}

/** undefined: the compiler refused it, and said where. */
function compiled(desired: Json, host: string): Case | undefined {
  const parsed = readDesired(JSON.stringify(desired));
  if (parsed.desired !== "distribution") throw new Error("not a distribution");
  const id = randomUUID();
  try {
    return { id, host, body: compileDocument({ ...parsed.distribution, id }).body };
  } catch (error) {
    if (!(error instanceof CompileRefusal)) throw error;
    expect(error.field).not.toBe("");
    return undefined;
  }
}

function wished(): Case[] {
  const paths = textPaths(everything("host.test")).filter((path) => !isEnum(path));
  return TEXTS.flatMap((text, index) => {
    const path = paths[index % paths.length] ?? [];
    const host = nextHost();
    const desired = replaced(everything(host), path, placed(text, Math.floor(index / paths.length)));
    const one = compiled(desired, host);
    return one === undefined ? [] : [one];
  });
}

/** What the control plane itself chooses: no customer's text. */
const isEnum = (path: Path) =>
  ["desired", "id", "scheme", "mode", "phase", "action", "type", "style"].includes(`${path.at(-1)}`);

function forged(): Case[] {
  const values: readonly (readonly [(value: Json) => Json])[] = [
    ...TEXTS.map((text, index) => [placed(text, index)] as const),
    ...OTHER_VALUES.flatMap((value) => Array.from({ length: 60 }, () => [() => value] as const)),
  ];
  return values.map(([by], index) => {
    const host = nextHost();
    const good = compiled(everything(host), host);
    if (good === undefined) throw new Error("the example does not compile");
    const document = JSON.parse(good.body);
    const paths = textPaths(document);
    // Its own host stays, so that it can be asked.
    const path = paths[index % paths.length] ?? [];
    const isHost = path[0] === "hosts";
    const mutated = isHost ? { ...document, hosts: [host, by("host.test")] } : replaced(document, path, by);
    return { ...good, body: JSON.stringify(mutated) };
  });
}

async function ask(host: string, path: string, method: "GET" | "OPTIONS" | "POST") {
  const headers = {
    host,
    ...{ origin: "https://app.test", "access-control-request-method": "GET", referer: "https://referrer.test/" },
    ...{ "user-agent": "my agent", cookie: "session=1", "x-device": "phone", "accept-encoding": "gzip, br" },
  };
  const reply = await viewers.request({ path, method, headers });
  await reply.body.dump();
  return reply;
}

async function assertHarmless(cases: readonly Case[]): Promise<number> {
  const records = cases.map(({ id, body }): FeedRecord => sites.feed.putBody(id, body));
  const applied = await sites.edge.apply(records);
  expect(applied.status).toBe(200);
  let served = 0;
  await Promise.all(
    cases.map(async ({ host }) => {
      for (const [path, method] of [
        ["/a.css?x=1&y=2", "GET"],
        ["/old/b?c", "GET"],
        ["/a.css", "OPTIONS"],
        ["/a.css", "POST"],
      ] as const) {
        const { statusCode, headers } = await ask(host, path, method);
        expect(Object.keys(headers)).not.toContain("x-injected");
        if (statusCode === 200) served += 1;
      }
    }),
  );
  await sites.edge.apply(cases.map(({ id }) => sites.feed.remove(id)));
  const kept = await neighbour.ask("/kept");
  expect([kept.status, kept.headers["x-cache"], kept.body]).toEqual([200, "HIT", "GET /kept"]);
  return served;
}

async function assertAllHarmless(cases: readonly Case[]): Promise<number> {
  let served = 0;
  for (let at = 0; at < cases.length; at += BATCH) served += await assertHarmless(cases.slice(at, at + BATCH));
  return served;
}

async function assertNothingEscaped(): Promise<void> {
  const injected = sites.origin.seen.filter(({ headers, url }) => "x-injected" in headers || /[\s\\]/.test(url));
  expect(injected).toEqual([]);
  const faults = (await sites.edge.errorLog())
    .split("\n")
    .filter((line) =>
      /\[(?:alert|emerg|crit)\]|entry thread aborted|stack traceback|attempt to|failed to run/.test(line),
    );
  expect(faults.slice(0, 3)).toEqual([]);
  const lines = (await readFile(join(sites.edge.home, "logs", "access.log"), "utf8")).split("\n").filter(Boolean);
  const broken = lines.filter((line) => !wholeLineSchema.safeParse(parsedOrUndefined(line)).success);
  expect(broken.slice(0, 3)).toEqual([]);
}

function parsedOrUndefined(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

test("the distribution that says everything is served", async () => {
  const host = nextHost();
  const good = compiled(everything(host), host);
  expect(good).toBeDefined();
  expect(await assertHarmless(good === undefined ? [] : [good])).toBe(2);
});

test("as a customer's wish: refused with the field, or harmless", { timeout: 300_000 }, async () => {
  const cases = wished();
  expect(cases.length).toBeGreaterThan(50);
  expect(await assertAllHarmless(cases)).toBeGreaterThan(50);
  await assertNothingEscaped();
});

test("in the document itself: refused by the edge, or harmless", { timeout: 300_000 }, async () => {
  expect(await assertAllHarmless(forged())).toBeGreaterThan(100);
  await assertNothingEscaped();
});
