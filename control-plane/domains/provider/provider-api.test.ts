import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { createSeal } from "../../../platform/seal.ts";
import { idIn, startTestApi, type TestApi } from "../distribution/test-api.ts";
import { checkHealth } from "./check.ts";
import { GCORE_TOKEN, startTestGcore } from "./gcore/test-gcore.ts";
import { createProviderLinkService, createProviderService, providerRoutes } from "./index.ts";

const seal = createSeal(Buffer.alloc(32, 7));
const clock = () => new Date();
/** For links, which begin and end with five minutes: these pass by for nobody here. */
const now = new Date();
const secret = "28G5nC2zw143m25026n9H11PwNYs4576";
const swift = { key_id: "6vE59B1z4p174N25", key_secret: secret, customer_id: "16939" };

let api: TestApi;
let gcore: Awaited<ReturnType<typeof startTestGcore>>;
let allowPrivateOrigins = false;
beforeAll(async () => {
  gcore = await startTestGcore(new Map());
  const policy = {
    get allowPrivateOrigins() {
      return allowPrivateOrigins;
    },
  };
  const countEdges = async () => ({ nodes: 2, live: 1 });
  api = await startTestApi(undefined, ({ db }) =>
    providerRoutes(
      createProviderService({ db, seal, clock, policy, countEdges }),
      createProviderLinkService({ db, clock: () => now }),
    ),
  );
  Object.assign(api.people.owner, { platformRole: "admin" });
});
afterAll(() => Promise.all([api.stop(), gcore.stop()]));

const put = (name: string, body: object, headers = {}) => api.call("owner", "PUT", `/providers/${name}`, body, headers);
const fault = z.object({ pointer: z.string(), detail: z.string() });
const faultsIn = ({ body }: { body: unknown }) => z.looseObject({ errors: z.array(fault) }).parse(body).errors;

test("our own edges are there, and answer when one of them does; other providers are not set up at first", async () => {
  const { body } = await api.call("owner", "GET", "/providers");
  expect(body).toMatchObject({
    data: [
      { name: "gotipath", is_configured: true, is_healthy: true, error: null },
      { name: "gcore", is_configured: false, is_healthy: null, base_url: "https://api.gcore.com" },
      { name: "tm_swift", is_configured: false, delivery_url: "https://cdn-api.swiftfederation.com" },
    ],
  });
  expect((await put("gotipath", { api_token: "x" })).status).toBe(422);
});

test("providers are for operators", async () => {
  for (const path of ["/providers", "/providers/gcore", "/providers/gcore/links"]) {
    expect((await api.call("stranger", "GET", path)).status).toBe(403);
  }
  expect((await api.call("stranger", "PUT", "/providers/gcore", { api_token: "x" })).status).toBe(403);
});

test("credentials are sealed, asked about once, and shown to nobody", async () => {
  const made = await put("tm_swift", swift);
  expect(made).toMatchObject({ status: 200, body: { is_configured: true, customer_id: "16939", is_healthy: null } });
  const row = await api.db("provider").where({ name: "tm_swift" }).first();
  const jobs = await api.db("outbox").where({ job: "provider.check" });
  expect(jobs.map(({ payload }) => payload)).toEqual([{ provider: "tm_swift" }]);
  await put("tm_swift", { ...swift, key_secret: "another" });
  await put("tm_swift", { customer_id: "17000", is_enabled: false });
  const deeds = await api.db("audit_entry").where({ resource_type: "provider" }).orderBy("created_at");
  expect(deeds.map(({ changes }) => changes)).toEqual([
    [
      { pointer: "", after: { is_enabled: true, settings: { customer_id: "16939" } } },
      { pointer: "/key_id", after: "(set)" },
      { pointer: "/key_secret", after: "(set)" },
    ],
    [
      { pointer: "/key_id", before: "(set)", after: "(changed)" },
      { pointer: "/key_secret", before: "(set)", after: "(changed)" },
    ],
    [
      { pointer: "/is_enabled", before: true, after: false },
      { pointer: "/settings/customer_id", before: "16939", after: "17000" },
    ],
  ]);
  const seen = JSON.stringify([made.body, row, deeds, (await api.call("owner", "GET", "/providers/tm_swift")).body]);
  expect(seen).not.toContain(secret);
  expect(seen).not.toContain(swift.key_id);
});

test("what is said again changes nothing; If-Match guards what was read", async () => {
  const read = await put("tm_swift", swift);
  const etag = read.headers.get("etag") ?? "";
  const before = await api.db("audit_entry").count();
  expect((await put("tm_swift", { customer_id: "16939" }, { "if-match": etag })).status).toBe(200);
  expect(await api.db("audit_entry").count()).toEqual(before);
  await put("tm_swift", { customer_id: "1" });
  expect((await put("tm_swift", { customer_id: "2" }, { "if-match": etag })).status).toBe(412);
});

test.each([
  ["gcore", {}, "/api_token", "must be given."],
  ["gcore", { api_token: "two words" }, "/api_token", "visible ASCII"],
  ["gcore", { api_token: "x", key_id: "y" }, "/key_id", "is not for Gcore: it has api_token, base_url."],
  [
    "gcore",
    { api_token: "x", paths: { volume: "/v" } },
    "/paths/volume",
    "is no path of Gcore: it has statistics, check.",
  ],
  ["gcore", { api_token: "x", paths: { check: "//evil.example/" } }, "/paths/check", "must be a path"],
  ["gcore", { api_token: "x", base_url: "http://api.gcore.com" }, "/base_url", "must begin with https"],
  ["gcore", { api_token: "x", base_url: "https://10.0.0.1" }, "/base_url", "points at a private address"],
  ["gcore", { api_token: "x", base_url: "https://localhost:8443" }, "/base_url", "points at a private address"],
  ["gcore", { api_token: "x", base_url: "https://169.254.169.254" }, "/base_url", "no provider may have"],
  ["gcore", { api_token: "x", base_url: "https://api.gcore.com/cdn" }, "/base_url", "must be a scheme, a host"],
  ["gcore", { api_token: "x", base_url: "https://me:pw@api.gcore.com" }, "/base_url", "must not carry a user"],
  ["tm_swift", { key_id: "x", customer_id: "1" }, "/key_secret", "must be given with the other one."],
  ["tm_swift", { key_id: "x", key_secret: "y" }, "/customer_id", "must be given"],
])("%s with %j is refused at %s", async (name, body, pointer, detail) => {
  const answer = await put(name, body);
  expect(answer.status).toBe(422);
  const found = faultsIn(answer).find((one) => one.pointer === pointer);
  expect(found?.detail).toContain(detail);
});

test("credentials go to another host only when they are given again", async () => {
  await put("tm_swift", swift);
  const moved = { customer_id: "16939", delivery_url: "https://cdn-api.example.com" };
  expect(faultsIn(await put("tm_swift", moved))).toEqual(
    ["/key_id", "/key_secret"].map((pointer) => ({
      pointer,
      detail: "must be given again: it would be sent to another host than before.",
    })),
  );
  expect((await put("tm_swift", { ...moved, ...swift })).status).toBe(200);
  expect(faultsIn(await put("tm_swift", { customer_id: "16939" }))).toHaveLength(2);
  expect((await put("tm_swift", { ...moved, paths: { volume: "/v2/volume" } })).status).toBe(200);
});

test("whether it answers is told, in words when it does not, and of these settings alone", async () => {
  allowPrivateOrigins = true;
  const outgoing = { allowPrivateOrigins: true };
  const look = () => checkHealth({ db: api.db, seal, clock, outgoing }, "gcore", AbortSignal.timeout(10_000));
  await put("gcore", { api_token: GCORE_TOKEN, base_url: gcore.url });
  await look();
  const { body } = await api.call("owner", "GET", "/providers/gcore");
  expect(body).toMatchObject({ is_healthy: true, error: null, checked_at: expect.any(String) });
  await put("gcore", { api_token: "wrong", base_url: gcore.url });
  expect((await api.call("owner", "GET", "/providers/gcore")).body).toMatchObject({
    is_healthy: null,
    checked_at: null,
  });
  await look();
  expect((await api.call("owner", "GET", "/providers/gcore")).body).toMatchObject({
    is_healthy: false,
    error: "Gcore does not accept the credentials: it answered 401 and said: Invalid token.",
  });
  allowPrivateOrigins = false;
});

async function distribution(): Promise<string> {
  const body = { domain: `${randomUUID()}.example.com`, origin: { url: "http://127.0.0.1:9000" } };
  return idIn(await api.call("stranger", "POST", "/distributions", body));
}

test("a resource is linked to a distribution, moved and taken away; its history stays, and each change is in the log", async () => {
  const [first, second] = [await distribution(), await distribution()];
  const path = "/providers/tm_swift/links/WWW.Example.com";
  const link = (id: string, more: object = {}) => api.call("owner", "PUT", path, { distribution_id: id, ...more });
  const made = await link(first);
  expect(made).toMatchObject({
    status: 200,
    body: { resource: "www.example.com", distribution_id: first, until: null },
  });
  expect((await link(first)).body).toEqual(made.body);
  expect(faultsIn(await link(second, { since: now.toISOString() }))[0]).toMatchObject({ pointer: "/since" });
  await link(second);
  await link(first);
  expect((await api.call("owner", "DELETE", path)).status).toBe(204);
  expect((await api.call("owner", "DELETE", path)).status).toBe(404);

  const listed = await api.call("owner", "GET", `/providers/tm_swift/links?distribution_id=${first}`);
  // The second one, and the first one again, would have begun after they were gone.
  expect(listed.body).toMatchObject({ data: [{ distribution_id: first, until: expect.any(String) }] });
  expect((await api.call("owner", "GET", "/providers/tm_swift/links?resource=www.example.com")).body).toMatchObject({
    data: [{ distribution_id: first }],
  });
  const deeds = await api.db("audit_entry").where({ resource_id: "tm_swift/www.example.com" }).orderBy("created_at");
  expect(deeds.map(({ action }) => action)).toEqual([
    "provider-link.put",
    "provider-link.put",
    "provider-link.put",
    "provider-link.delete",
  ]);
});

test("what is no distribution, or was deleted, is linked to nothing", async () => {
  const put = (id: string) =>
    api.call("owner", "PUT", "/providers/tm_swift/links/other.example", { distribution_id: id });
  expect(faultsIn(await put(randomUUID()))).toEqual([
    { pointer: "/distribution_id", detail: "names no distribution." },
  ]);
  const deleted = await distribution();
  await api.call("stranger", "DELETE", `/distributions/${deleted}`);
  expect((await put(deleted)).status).toBe(409);
});
