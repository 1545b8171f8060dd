// Rules over HTTP: what is written is read back, moves, goes, is versioned, and belongs to nobody else.
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Answer } from "../../http/test-ask.ts";
import { ruleKinds } from "../rule/index.ts";
import { openSecret } from "../secret/index.ts";
import { findDesiredDistribution } from "./index.ts";
import { idIn, idsIn, startTestApi, type TestApi } from "./test-api.ts";
import { inputFor } from "./test-customer.ts";

let api: TestApi;
let made = 0;

beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.stop());

async function newDistribution(): Promise<string> {
  made += 1;
  return (await api.services.distributions.create(api.people.owner, inputFor(`r${made}.example.com`))).record.id;
}

function problem(type: string, errors?: readonly object[]) {
  return { type: `urn:edgewright:problem:${type}`, ...(errors === undefined ? {} : { errors }) };
}

async function versionOf(id: string): Promise<number> {
  return (await api.services.distributions.get(api.people.owner, id)).record.configurationVersion;
}

describe.each(Object.values(ruleKinds))("$path", ({ path, noun, example, name, countMax }) => {
  test(`${noun}: one is added, read, patched and removed, and each change is a version`, async () => {
    const id = await newDistribution();
    const rules = `/distributions/${id}/${path}`;
    const added = await api.call("owner", "POST", rules, example);
    expect(added).toMatchObject({
      status: 201,
      body: { ...example, distribution_id: id, position: 1, created_by: api.people.owner.userId },
    });
    const place = `${rules}/${idIn(added)}`;
    expect(added.headers.get("location")).toBe(`/api/v1${place}`);
    expect(await api.call("viewer", "GET", place)).toMatchObject({ status: 200, body: Object(added.body) });
    const patched = await api.call("owner", "PATCH", place, { description: "Other words" });
    expect(patched).toMatchObject({ status: 200, body: { ...example, description: "Other words" } });
    expect(await api.call("viewer", "GET", rules)).toMatchObject({
      status: 200,
      body: { data: [patched.body], next_cursor: null },
    });
    expect(await api.call("owner", "DELETE", place)).toMatchObject({ status: 204 });
    expect(await api.call("owner", "GET", place)).toMatchObject({ status: 404, body: problem("unknown-rule") });
    expect(await versionOf(id)).toBe(4);
    const jobs = await api.db("outbox").whereRaw("payload->>'distribution_id' = ?", [id]);
    expect(jobs).toHaveLength(4);
  });

  test(`${noun}: nobody else reads or changes one`, async () => {
    const id = await newDistribution();
    const rules = `/distributions/${id}/${path}`;
    const ruleId = idIn(await api.call("owner", "POST", rules, example));
    const elsewhere = `/distributions/${await newDistribution()}/${path}/${ruleId}`;
    const before = await api.db("rule").where({ id: ruleId });
    const attempts: readonly [method: string, path: string, body?: object][] = [
      ["GET", rules],
      ["POST", rules, example],
      ["PUT", rules, { data: [] }],
      ["GET", `${rules}/${ruleId}`],
      ["PATCH", `${rules}/${ruleId}`, { description: "mine" }],
      ["DELETE", `${rules}/${ruleId}`],
    ];
    for (const [method, attempted, body] of attempts) {
      const strangers = await api.call("stranger", method, attempted, body);
      expect(strangers).toMatchObject({ status: 404, body: problem("unknown-distribution") });
      const status = method === "GET" ? 200 : 403;
      expect(await api.call("viewer", method, attempted, body)).toMatchObject({ status });
    }
    for (const method of ["GET", "PATCH", "DELETE"]) {
      const answer = await api.call("owner", method, elsewhere, method === "PATCH" ? {} : undefined);
      expect(answer).toMatchObject({ status: 404, body: problem("unknown-rule") });
    }
    expect(await api.db("rule").where({ id: ruleId })).toEqual(before);
  });

  test(`${noun}: a list holds ${countMax} at most`, async () => {
    const id = await newDistribution();
    const rules = `/distributions/${id}/${path}`;
    const full = { data: Array.from({ length: countMax }, () => example) };
    expect(await api.call("owner", "PUT", rules, full)).toMatchObject({ status: 200 });
    const oneMore = await api.call("owner", "POST", rules, example);
    expect(oneMore).toMatchObject({ status: 409, body: problem("too-many-rules") });
    const tooLong = await api.call("owner", "PUT", rules, { data: [...full.data, example] });
    expect(tooLong.body).toMatchObject(problem("invalid-request", [{ pointer: "/data" }]));
    expect(await api.db("rule").where({ distribution_id: id, kind: name })).toHaveLength(countMax);
  });
});

const limit = { requests: 10, per_seconds: 1 };

async function threeLimits(): Promise<{ id: string; rules: string; ids: readonly string[] }> {
  const id = await newDistribution();
  const rules = `/distributions/${id}/rate-limits`;
  const answer = await api.call("owner", "PUT", rules, { data: [limit, limit, limit] });
  return { id, rules, ids: idsIn(answer) };
}

test("a rule comes at its position, moves to another, and the others close up", async () => {
  const { rules, ids } = await threeLimits();
  const [a, b, c] = ids;
  const d = idIn(await api.call("owner", "POST", rules, { ...limit, position: 2 }));
  expect(idsIn(await api.call("owner", "GET", rules))).toEqual([a, d, b, c]);
  const moved = await api.call("owner", "PATCH", `${rules}/${c}`, { position: 1 });
  expect(moved.body).toMatchObject({ id: c, position: 1 });
  expect(idsIn(await api.call("owner", "GET", rules))).toEqual([c, a, d, b]);
  await api.call("owner", "DELETE", `${rules}/${a}`);
  const left = await api.call("owner", "GET", rules);
  expect(idsIn(left)).toEqual([c, d, b]);
  expect(left.body).toMatchObject({ data: [{ position: 1 }, { position: 2 }, { position: 3 }] });
});

test("a position behind the end is a fault that says how far it goes", async () => {
  const { rules, ids } = await threeLimits();
  const added = await api.call("owner", "POST", rules, { ...limit, position: 5 });
  expect(added.body).toMatchObject(
    problem("invalid-request", [{ pointer: "/position", detail: "must be from 1 to 4." }]),
  );
  const moved = await api.call("owner", "PATCH", `${rules}/${ids[0]}`, { position: 4 });
  expect(moved.body).toMatchObject(
    problem("invalid-request", [{ pointer: "/position", detail: "must be from 1 to 3." }]),
  );
});

test("a list that replaces all keeps what brings its id, as one version", async () => {
  const { id, rules, ids } = await threeLimits();
  const [a, b, c] = ids;
  const before = await versionOf(id);
  const replaced = await api.call("owner", "PUT", rules, {
    data: [
      { ...limit, id: c },
      { ...limit, requests: 99 },
      { ...limit, id: a, burst: 7 },
    ],
  });
  expect(replaced.body).toMatchObject({
    data: [
      { id: c, position: 1 },
      { requests: 99, position: 2 },
      { id: a, position: 3, burst: 7 },
    ],
  });
  expect(await api.call("owner", "GET", `${rules}/${b}`)).toMatchObject({ status: 404 });
  expect(await versionOf(id)).toBe(before + 1);
});

test("ids that are foreign, gone or doubled are faults at their places, and nothing changes", async () => {
  const { rules, ids } = await threeLimits();
  const other = await threeLimits();
  const refused = await api.call("owner", "PUT", rules, {
    data: [
      { ...limit, id: ids[0] },
      { ...limit, id: other.ids[0] },
      { ...limit, id: ids[0] },
    ],
  });
  expect(refused.body).toMatchObject(
    problem("invalid-request", [{ pointer: "/data/1/id" }, { pointer: "/data/2/id" }]),
  );
  expect(idsIn(await api.call("owner", "GET", rules))).toEqual(ids);
  expect(idsIn(await api.call("owner", "GET", other.rules))).toEqual(other.ids);
});

test("faults of a whole list come back at once, each with its place", async () => {
  const rules = `/distributions/${await newDistribution()}/cache-rules`;
  const refused = await api.call("owner", "PUT", rules, {
    data: [{ mode: "bypass", ttl_seconds: 1 }, {}, { headers: ["cookie", "host"] }],
  });
  expect(refused.body).toMatchObject(
    problem("invalid-request", [
      { pointer: "/data/0/ttl_seconds" },
      { pointer: "/data/2/headers/0" },
      { pointer: "/data/2/headers/1" },
    ]),
  );
  expect(await api.call("owner", "GET", rules)).toMatchObject({ body: { data: [] } });
});

test("If-Match guards a rule and a whole list; what else changed does not matter", async () => {
  const { rules, ids } = await threeLimits();
  const place = `${rules}/${ids[2]}`;
  const tagOf = (answer: Answer) => ({ "if-match": answer.headers.get("etag") ?? "" });
  const [rule, list] = [await api.call("owner", "GET", place), await api.call("owner", "GET", rules)];
  expect(await api.call("owner", "PATCH", `${rules}/${ids[0]}`, { burst: 1 })).toMatchObject({ status: 200 });
  expect(await api.call("owner", "PATCH", place, { burst: 2 }, tagOf(rule))).toMatchObject({ status: 200 });
  for (const stale of [
    await api.call("owner", "PATCH", place, { burst: 3 }, tagOf(rule)),
    await api.call("owner", "DELETE", place, undefined, tagOf(rule)),
    await api.call("owner", "PUT", rules, { data: [] }, tagOf(list)),
  ]) {
    expect(stale).toMatchObject({ status: 412, body: problem("precondition-failed") });
  }
  expect(await api.call("owner", "GET", place)).toMatchObject({ body: { burst: 2 } });
  const fresh = await api.call("owner", "GET", rules);
  expect(await api.call("owner", "PUT", rules, { data: [] }, tagOf(fresh))).toMatchObject({ status: 200 });
});

test("what a rule and its patch say together is checked, and refused as a whole", async () => {
  const rules = `/distributions/${await newDistribution()}/cache-rules`;
  const place = `${rules}/${idIn(await api.call("owner", "POST", rules, { ttl_seconds: 60 }))}`;
  const refused = await api.call("owner", "PATCH", place, { mode: "bypass" });
  expect(refused).toMatchObject({ status: 422, body: problem("invalid-request", [{ pointer: "/ttl_seconds" }]) });
  const taken = await api.call("owner", "PATCH", place, { mode: "bypass", ttl_seconds: null });
  expect(taken.body).toMatchObject({ mode: "bypass", ttl_seconds: null });
});

test("a redirect to the distribution's own name is known to go in circles", async () => {
  const id = await newDistribution();
  const { domain, cname } = (await api.services.distributions.get(api.people.owner, id)).record;
  for (const host of [domain, cname]) {
    const redirect = { source: "/*", target: `https://${host}/:splat` };
    const refused = await api.call("owner", "POST", `/distributions/${id}/redirects`, redirect);
    expect(refused.body).toMatchObject(problem("invalid-request", [{ pointer: "/target" }]));
  }
});

const [FIRST_KEY, SECOND_KEY] = ["first-signing-key-0001", "second-signing-key-0002"];

test("keys of signed URLs are sealed, never read back, kept by a patch, replaced by others", async () => {
  const id = await newDistribution();
  const rules = `/distributions/${id}/access-rules`;
  const { accountId } = api.people.owner;
  const added = await api.call("owner", "POST", rules, { type: "signed_url", secrets: [FIRST_KEY] });
  expect(added).toMatchObject({ status: 201, body: { action: "allow", secret_ids: [expect.any(String)] } });
  const place = `${rules}/${idIn(added)}`;
  const kept = await api.call("owner", "PATCH", place, { paths: ["/paid/*"] });
  expect(kept.body).toMatchObject({ secret_ids: Object(added.body).secret_ids, paths: ["/paid/*"] });
  const listed = await api.call("owner", "PUT", rules, { data: [{ id: idIn(added), type: "signed_url" }] });
  expect(listed.body).toMatchObject({ data: [{ id: idIn(added), secret_ids: Object(added.body).secret_ids }] });
  const rolling = await api.call("owner", "PATCH", place, { secrets: [SECOND_KEY, FIRST_KEY] });
  const { secret_ids: ids } = Object(rolling.body);
  const opened = [];
  for (const secretId of ids) {
    const belonging = { accountId, purpose: "url_signing_key" } as const;
    opened.push(await openSecret(api.db, api.services.seal, secretId, belonging));
  }
  expect(opened).toEqual([SECOND_KEY, FIRST_KEY]);
  expect(await findDesiredDistribution(api.db, id)).toMatchObject({
    distribution: { accessRules: [{ type: "signed_url", action: "allow", secretIds: ids }] },
  });
  for (const table of ["rule", "audit_entry", "distribution_version", "outbox", "secret"]) {
    expect(JSON.stringify(await api.db(table))).not.toMatch(`${FIRST_KEY}|${SECOND_KEY}`);
  }
  for (const answer of [added, kept, listed, rolling]) expect(JSON.stringify(answer.body)).not.toContain("signing-key");
});

test("a signed URL rule without a key is a fault, also in a list", async () => {
  const rules = `/distributions/${await newDistribution()}/access-rules`;
  const posted = await api.call("owner", "POST", rules, { type: "signed_url" });
  expect(posted.body).toMatchObject(problem("invalid-request", [{ pointer: "/secrets" }]));
  const listed = await api.call("owner", "PUT", rules, { data: [{ type: "signed_url" }] });
  expect(listed.body).toMatchObject(problem("invalid-request", [{ pointer: "/data/0/secrets" }]));
});

test("edges are told of every rule, own cache rules before those of the policy", async () => {
  const id = await newDistribution();
  for (const { path, example } of Object.values(ruleKinds)) {
    expect(await api.call("owner", "POST", `/distributions/${id}/${path}`, example)).toMatchObject({ status: 201 });
  }
  const desired = await findDesiredDistribution(api.db, id);
  expect(desired).toMatchObject({
    distribution: {
      cacheRules: [
        { paths: ["/images/*"], mode: "override", ttlByStatus: { 404: 60, "5xx": 0 } },
        ...Array(6).fill({}),
      ],
      headerRules: [{ phase: "response", action: "set", name: "x-frame-options", value: "DENY" }],
      redirects: [{ source: "/blog/*", status: 301, isQueryKept: true }],
      accessRules: [{ type: "ip", action: "allow", networks: ["192.0.2.0/24", "2001:db8::/32"] }],
      rateLimits: [{ paths: ["/login"], requests: 10, perSeconds: 60, burst: 5 }],
    },
  });
});

test("a rollback brings rules back with their ids and their order; what was not touched keeps its author", async () => {
  const { id, rules, ids } = await threeLimits();
  const before = await api.call("owner", "GET", rules);
  const number = await versionOf(id);
  await api.call("owner", "DELETE", `${rules}/${ids[1]}`);
  await api.call("owner", "PATCH", `${rules}/${ids[2]}`, { burst: 9, position: 1 });
  expect(await api.call("owner", "POST", `/distributions/${id}/rollback`, { version: number })).toMatchObject({
    status: 200,
  });
  const after = await api.call("owner", "GET", rules);
  expect(idsIn(after)).toEqual(ids);
  expect(Object(after.body).data[0]).toEqual(Object(before.body).data[0]);
  expect(Object(after.body).data[2]).toMatchObject({ burst: 0, position: 3 });
});

test("what changed in a rule is in the audit log under its id", async () => {
  const { id, rules, ids } = await threeLimits();
  await api.call("owner", "PATCH", `${rules}/${ids[0]}`, { requests: 11 });
  const [entry] = await api.db("audit_entry").where({ resource_id: id, action: "rate-limit.update" });
  expect(entry).toMatchObject({
    user_id: api.people.owner.userId,
    account_id: api.people.owner.accountId,
    changes: [{ pointer: `/rules/rate_limit/${ids[0]}/requests`, before: 10, after: 11 }],
  });
});

test("two rules that are added at once both get a place", async () => {
  const rules = `/distributions/${await newDistribution()}/rate-limits`;
  const added = await Promise.all(Array.from({ length: 6 }, () => api.call("owner", "POST", rules, limit)));
  expect(added.map(({ status }) => status)).toEqual(Array(6).fill(201));
  const list = await api.call("owner", "GET", rules);
  expect([...idsIn(list)].sort()).toEqual(added.map(idIn).sort());
});

test("the rules of a deleted distribution can be read, not changed", async () => {
  const { id, rules } = await threeLimits();
  await api.services.distributions.remove(api.people.owner, id);
  expect(await api.call("owner", "GET", rules)).toMatchObject({ status: 200 });
  const late = await api.call("owner", "POST", rules, limit);
  expect(late).toMatchObject({ status: 409, body: problem("distribution-deleted") });
});

test("an unknown distribution is a 404 for every kind", async () => {
  for (const { path } of Object.values(ruleKinds)) {
    const answer = await api.call("owner", "GET", `/distributions/${randomUUID()}/${path}`);
    expect(answer).toMatchObject({ status: 404, body: problem("unknown-distribution") });
  }
});
