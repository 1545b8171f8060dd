// Cache policies over HTTP: an account's own beside the built-in ones, and who may do what with them.
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findDesiredDistribution } from "../distribution/index.ts";
import { idIn, startTestApi, type TestApi } from "../distribution/test-api.ts";
import { inputFor } from "../distribution/test-customer.ts";
import { builtInPolicies } from "./index.ts";

let api: TestApi;

beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.stop());

const PATH = "/cache-policies";
const rule = { extensions: ["jpg"], mode: "override", ttl_seconds: 60 };

function problem(type: string, errors?: readonly object[]) {
  return { type: `urn:edgewright:problem:${type}`, ...(errors === undefined ? {} : { errors }) };
}

async function newPolicy(more: object = {}): Promise<string> {
  return idIn(await api.call("owner", "POST", PATH, { name: randomUUID(), rules: [rule], ...more }));
}

test("a policy is added, read, patched and deleted, each of it in the audit log", async () => {
  const added = await api.call("owner", "POST", PATH, { name: "Shop", rules: [rule, { paths: ["/*"] }] });
  expect(added).toMatchObject({
    status: 201,
    body: {
      name: "Shop",
      description: "",
      is_built_in: false,
      rules: [
        { ...rule, paths: [], query: { mode: "all", names: [] }, ttl_by_status: {} },
        { paths: ["/*"], mode: "respect", ttl_seconds: null },
      ],
      created_by: api.people.owner.userId,
    },
  });
  const place = `${PATH}/${idIn(added)}`;
  expect(added.headers.get("location")).toBe(`/api/v1${place}`);
  expect(await api.call("viewer", "GET", place)).toMatchObject({ status: 200, body: Object(added.body) });
  const patched = await api.call("owner", "PATCH", place, { name: "Shops", rules: [] });
  expect(patched).toMatchObject({ status: 200, body: { name: "Shops", description: "", rules: [] } });
  expect(await api.call("owner", "DELETE", place)).toMatchObject({ status: 204 });
  expect(await api.call("owner", "GET", place)).toMatchObject({ status: 404, body: problem("unknown-cache-policy") });
  const entries = await api
    .db("audit_entry")
    .where({ resource_id: idIn(added) })
    .orderBy("created_at");
  expect(entries).toMatchObject([
    { action: "cache-policy.create", account_id: api.people.owner.accountId },
    { action: "cache-policy.update", user_id: api.people.owner.userId },
    { action: "cache-policy.delete" },
  ]);
  expect(entries[1].changes).toContainEqual({ pointer: "/name", before: "Shop", after: "Shops" });
});

test("the built-in ones are listed first, for everybody, in the words of rules", async () => {
  await newPolicy({ name: "zzz" });
  await newPolicy({ name: "AAA" });
  const { body } = await api.call("viewer", "GET", PATH);
  const { data, next_cursor } = Object(body);
  expect(next_cursor).toBeNull();
  expect(data.slice(0, 4)).toMatchObject(
    Object.values(builtInPolicies).map(({ id, name }) => ({ id, name, is_built_in: true, created_at: null })),
  );
  const own = data.slice(4).map(({ name }: { name: string }) => name.toLowerCase());
  expect(own).toEqual([...own].sort());
  expect(own).toEqual(expect.arrayContaining(["aaa", "zzz"]));
  const theirs = Object((await api.call("stranger", "GET", PATH)).body).data;
  expect(theirs).toHaveLength(4);
  expect(await api.call("stranger", "GET", `${PATH}/${builtInPolicies.livestream.id}`)).toMatchObject({
    status: 200,
    body: {
      name: "livestream",
      rules: [{ extensions: expect.arrayContaining(["m3u8"]), ttl_max_seconds: 2 }, {}, {}, {}],
    },
  });
});

test("a rule of a built-in policy is taken as one of an own policy", async () => {
  const { body } = await api.call("owner", "GET", `${PATH}/${builtInPolicies.static.id}`);
  const { rules } = Object(body);
  const copied = await api.call("owner", "POST", PATH, { name: "Like static", rules });
  expect(copied).toMatchObject({ status: 201, body: { rules } });
});

test("nobody changes or deletes a built-in policy", async () => {
  for (const { id } of Object.values(builtInPolicies)) {
    const changed = await api.call("owner", "PATCH", `${PATH}/${id}`, { name: "mine" });
    expect(changed).toMatchObject({ status: 409, body: problem("built-in-cache-policy") });
    expect(await api.call("owner", "DELETE", `${PATH}/${id}`)).toMatchObject({ status: 409 });
  }
});

test("nobody else reads, changes or deletes a policy", async () => {
  const place = `${PATH}/${await newPolicy()}`;
  for (const [method, body] of [["GET"], ["PATCH", { name: "mine" }], ["DELETE"]] as const) {
    const strangers = await api.call("stranger", method, place, body);
    expect(strangers).toMatchObject({ status: 404, body: problem("unknown-cache-policy") });
    expect(await api.call("viewer", method, place, body)).toMatchObject({ status: method === "GET" ? 200 : 403 });
  }
  expect(await api.call("viewer", "POST", PATH, { name: "mine", rules: [] })).toMatchObject({ status: 403 });
  const theirs = await api.call("stranger", "POST", PATH, { name: "theirs", rules: [] });
  const foreign = inputFor("foreign-policy.example.com", { cache_policy_id: idIn(theirs) });
  await expect(api.services.distributions.create(api.people.owner, foreign)).rejects.toMatchObject({
    errors: [{ pointer: "/cache_policy_id" }],
  });
});

test("a policy that distributions use is not deleted; the answer says how many they are", async () => {
  const id = await newPolicy();
  const { distributions } = api.services;
  const { owner } = api.people;
  const first = await distributions.create(owner, inputFor("uses-1.example.com", { cache_policy_id: id }));
  const second = await distributions.create(owner, inputFor("uses-2.example.com", { cache_policy_id: id }));
  const refused = await api.call("owner", "DELETE", `${PATH}/${id}`);
  expect(refused).toMatchObject({
    status: 409,
    body: { ...problem("cache-policy-in-use"), detail: expect.stringContaining("2 distributions use it") },
  });
  await distributions.update(owner, first.record.id, { cache_policy_id: null });
  await distributions.remove(owner, second.record.id);
  expect(await api.call("owner", "DELETE", `${PATH}/${id}`)).toMatchObject({ status: 204 });
});

test("a name stands once in an account, whatever the case of its letters, and is never a built-in one's", async () => {
  const id = await newPolicy({ name: "Once" });
  const other = await newPolicy({ name: "Twice" });
  for (const answer of [
    await api.call("owner", "POST", PATH, { name: "ONCE", rules: [] }),
    await api.call("owner", "POST", PATH, { name: "Static", rules: [] }),
    await api.call("owner", "PATCH", `${PATH}/${other}`, { name: "once" }),
  ]) {
    expect(answer).toMatchObject({ status: 409, body: problem("cache-policy-name-taken") });
  }
  expect(await api.call("owner", "PATCH", `${PATH}/${id}`, { name: "ONCE" })).toMatchObject({ status: 200 });
  expect(await api.call("stranger", "POST", PATH, { name: "Once", rules: [] })).toMatchObject({ status: 201 });
  const rivals = Array.from({ length: 4 }, () => api.call("owner", "POST", PATH, { name: "Raced", rules: [] }));
  expect((await Promise.all(rivals)).map(({ status }) => status).sort()).toEqual([201, 409, 409, 409]);
});

test("faults of all rules come back at once, each with its place", async () => {
  const refused = await api.call("owner", "POST", PATH, {
    name: "Faulty",
    rules: [{ mode: "override" }, {}, { mode: "bypass", ttl_seconds: 1, cookies: ["a"] }],
  });
  expect(refused.body).toMatchObject(
    problem("invalid-request", [
      { pointer: "/rules/0/ttl_seconds" },
      { pointer: "/rules/2/ttl_seconds" },
      { pointer: "/rules/2/cookies" },
    ]),
  );
});

test("rules that no document could hold are refused before anything uses them", async () => {
  const paths = Array.from({ length: 50 }, (_, index) => `/${"x".repeat(400)}${index}`);
  const refused = await api.call("owner", "POST", PATH, { name: "Large", rules: [{ paths }] });
  expect(refused.body).toMatchObject(
    problem("invalid-request", [{ pointer: "/rules", detail: expect.stringContaining("16384 at most") }]),
  );
});

test("a policy is no list of more than fifty rules, and has a name of one line", async () => {
  const long = { name: "Long", rules: Array.from({ length: 51 }, () => ({})) };
  expect((await api.call("owner", "POST", PATH, long)).body).toMatchObject(
    problem("invalid-request", [{ pointer: "/rules" }]),
  );
  expect((await api.call("owner", "POST", PATH, { name: "a\u0000b", rules: [] })).body).toMatchObject(
    problem("invalid-request", [{ pointer: "/name" }]),
  );
});

test("If-Match guards a policy", async () => {
  const place = `${PATH}/${await newPolicy()}`;
  const tag = { "if-match": (await api.call("owner", "GET", place)).headers.get("etag") ?? "" };
  expect(await api.call("owner", "PATCH", place, { description: "First" }, tag)).toMatchObject({ status: 200 });
  expect(await api.call("owner", "PATCH", place, { description: "Second" }, tag)).toMatchObject({ status: 412 });
  expect(await api.call("owner", "DELETE", place, undefined, tag)).toMatchObject({ status: 412 });
  expect(await api.call("owner", "GET", place)).toMatchObject({ body: { description: "First" } });
});

test("a distribution that names no policy has the built-in one of its kind; livestream is one too", async () => {
  const { distributions } = api.services;
  const cases = [
    [{}, builtInPolicies.static],
    [{ acceleration_type: "media" }, builtInPolicies.media],
    [{ acceleration_type: "media", is_livestream: true }, builtInPolicies.livestream],
    [{ acceleration_type: "diy" }, builtInPolicies.diy],
    [{ cache_policy_id: builtInPolicies.media.id }, builtInPolicies.media],
  ] as const;
  for (const [index, [more, policy]] of cases.entries()) {
    const { record } = await distributions.create(api.people.owner, inputFor(`kind-${index}.example.com`, more));
    expect(await findDesiredDistribution(api.db, record.id)).toMatchObject({
      distribution: { cacheRules: policy.rules },
    });
  }
});

test("an account has a limited number of policies", async () => {
  const accountId = api.people.stranger.accountId;
  const { length } = await api.db("cache_policy").where({ account_id: accountId });
  for (let count = length; count < 50; count += 1) {
    const answer = await api.call("stranger", "POST", PATH, { name: `policy ${count}`, rules: [] });
    expect(answer.status).toBe(201);
  }
  const oneMore = await api.call("stranger", "POST", PATH, { name: "one more", rules: [] });
  expect(oneMore).toMatchObject({ status: 409, body: problem("too-many-cache-policies") });
});
