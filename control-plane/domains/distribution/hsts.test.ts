// HSTS as customers ask for it: through the API, its versions and copies, to what the edges are told.
import { afterAll, beforeAll, expect, test } from "vitest";
import { compileDocument } from "../../../edge-templates/index.ts";
import { findDesiredDistribution } from "./index.ts";
import { idIn, startTestApi, type TestApi } from "./test-api.ts";

let api: TestApi;

beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.stop());

const origin = { url: "http://127.0.0.1:9000" };
const wanted = { max_age_seconds: 63_072_000, include_subdomains: true, preload: true };

async function create(domain: string, fields: object = {}): Promise<string> {
  return idIn(await api.call("owner", "POST", "/distributions", { domain, origin, ...fields }));
}

/** What the document of an edge says. */
async function toldOf(id: string): Promise<unknown> {
  const desired = await findDesiredDistribution(api.db, id);
  return desired?.serve === true ? JSON.parse(compileDocument(desired.distribution).body).hsts : "not served";
}

test("nobody is told anything until the customer wants it", async () => {
  const id = await create("silent.example.com");
  expect((await api.call("owner", "GET", `/distributions/${id}`)).body).toMatchObject({ hsts: null });
  expect(await toldOf(id)).toBeUndefined();
});

test("it is created, changed, compared, copied, rolled back and taken away", async () => {
  const id = await create("hsts.example.com", { hsts: wanted });
  const path = `/distributions/${id}`;
  expect(await toldOf(id)).toBe("max-age=63072000; includeSubDomains; preload");
  const changed = await api.call("owner", "PATCH", path, { hsts: {} });
  expect(changed.body).toMatchObject({
    hsts: { max_age_seconds: 31_536_000, include_subdomains: false, preload: false },
  });
  expect(await toldOf(id)).toBe("max-age=31536000");
  const diff = await api.call("owner", "GET", `${path}/versions/2/diff?against=1`);
  expect(JSON.stringify(diff.body)).toContain("/settings/hsts");
  const clone = await api.call("owner", "POST", `${path}/clone`, { domain: "copy.example.com" });
  expect(await toldOf(idIn(clone))).toBe("max-age=31536000");
  expect((await api.call("owner", "POST", `${path}/rollback`, { version: 1 })).body).toMatchObject({ hsts: wanted });
  expect((await api.call("owner", "PATCH", path, { hsts: null })).body).toMatchObject({ hsts: null });
  expect(await toldOf(id)).toBeUndefined();
});

test("a version from before it, and groups to be kept to, could be asked for is one without them", async () => {
  const id = await create("older.example.com");
  await api
    .db("distribution_version")
    .where({ distribution_id: id })
    .update({ configuration: api.db.raw("configuration #- '{settings,hsts}' #- '{settings,edge_group_ids}'") });
  await api.call("owner", "PATCH", `/distributions/${id}`, { hsts: wanted });
  const back = await api.call("owner", "POST", `/distributions/${id}/rollback`, { version: 1 });
  expect(back).toMatchObject({ status: 200, body: { hsts: null } });
});

test.each([
  [{ preload: true }, "/hsts/include_subdomains", "must be true with preload"],
  [{ preload: true, include_subdomains: true, max_age_seconds: 86_400 }, "/hsts/max_age_seconds", "at least 31536000"],
  [{ max_age_seconds: -1 }, "/hsts/max_age_seconds", "0"],
  [{ max_age_seconds: 1.5 }, "/hsts/max_age_seconds", "int"],
  [{ max_age_seconds: 99_999_999_999 }, "/hsts/max_age_seconds", "63072000"],
  [{ includeSubDomains: true }, "/hsts/includeSubDomains", ""],
  ["max-age=1", "/hsts", ""],
])("%j is a fault of its field", async (hsts, pointer, detail) => {
  const { status, body } = await api.call("owner", "POST", "/distributions", {
    ...{ domain: "faulty.example.com", origin, hsts },
  });
  expect(status).toBe(422);
  expect(body).toMatchObject({ errors: [{ pointer, detail: expect.stringContaining(detail) }] });
});
