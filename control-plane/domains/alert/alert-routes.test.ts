import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { idIn, idsIn, startTestApi, type TestApi } from "../distribution/test-api.ts";
import { inputFor } from "../distribution/test-customer.ts";
import { alertRoutes, createAlertService } from "./index.ts";

let api: TestApi;
beforeAll(async () => {
  const clock = () => new Date();
  const publicUrl = new URL("https://cdn.example.com");
  api = await startTestApi(undefined, ({ db }) =>
    alertRoutes({ alerts: createAlertService({ db, clock, publicUrl }), clock }),
  );
});
afterAll(() => api.stop());
beforeEach(() => api.db("alert").delete());

const errors = { type: "error_rate", percent: 5 };
const many = { type: "threshold", metric: "requests", direction: "above", value: 1_000 };

async function create(body: object = {}): Promise<string> {
  const answer = await api.call("owner", "POST", "/alerts", { name: "Errors", condition: errors, ...body });
  expect(answer.status, JSON.stringify(answer.body)).toBe(201);
  return idIn(answer);
}

test("an alert is what was asked for, the rest as documented, and unknown until it is judged", async () => {
  const id = await create();
  const { body } = await api.call("viewer", "GET", `/alerts/${id}`);
  expect(body).toMatchObject({
    ...{ id, name: "Errors", description: "", distribution_id: null, is_enabled: true, muted_until: null },
    condition: { type: "error_rate", percent: 5, recovery_percent: null, window_minutes: 5, requests_min: 100 },
    ...{ raise_after_minutes: 5, resolve_after_minutes: 5, mail_in_charge: true, mail_members: [] },
    state: { status: "unknown", value: null, judged_until: null },
  });
});

test.each([
  [{ condition: { type: "weather" } }, "/condition/type", "must be threshold, drop, error_rate or certificate_expiry"],
  [{ condition: { ...many, metric: "cats" } }, "/condition/metric", "must be one of requests, bytes"],
  [{ condition: { ...many, window_minutes: 7 } }, "/condition/window_minutes", "must be one of 5, 10"],
  [{ condition: { ...many, metric: "hit_ratio", value: 80 } }, "/condition/value", "is a share, from 0 to 1"],
  [{ condition: { ...many, recovery_value: 2_000 } }, "/condition/recovery_value", "must be 1000 at most"],
  [{ condition: { ...many, direction: "below", value: 0 } }, "/condition/value", "nothing is below that"],
  [{ condition: { ...errors, percent: 101 } }, "/condition/percent", "must be 100 at most"],
  [{ condition: { ...errors, recovery_percent: 6 } }, "/condition/recovery_percent", "must be 5 at most"],
  [{ condition: { type: "certificate_expiry", days: 0 } }, "/condition/days", "must be 1 or more"],
  [{ raise_after_minutes: 1_441 }, "/raise_after_minutes", "must be 1440 at most"],
  [{ mail_members: ["00000000-0000-4000-8000-000000000000"] }, "/mail_members/0", "is no member of this account"],
  [{ distribution_id: "00000000-0000-4000-8000-000000000000" }, "/distribution_id", "is no distribution of this"],
  [{ name: "" }, "/name", "must not be empty"],
])("%j is refused at %s", async (body, pointer, detail) => {
  const answer = await api.call("owner", "POST", "/alerts", { name: "Errors", condition: errors, ...body });
  expect(answer.status).toBe(422);
  const faults = z.looseObject({ errors: z.array(z.object({ pointer: z.string(), detail: z.string() })) });
  const fault = faults.parse(answer.body).errors.find((one) => one.pointer === pointer);
  expect(fault?.detail).toContain(detail);
});

test("another account's distributions and people cannot be watched or written to, and its alerts are not there", async () => {
  const { distributions } = api.services;
  const { record } = await distributions.create(api.people.stranger, inputFor("stranger.example.com"));
  const watched = await api.call("owner", "POST", "/alerts", {
    name: "x",
    condition: many,
    distribution_id: record.id,
  });
  expect(watched.status).toBe(422);
  const { userId } = api.people.stranger;
  await api.db("membership").insert({ account_id: api.people.stranger.accountId, user_id: userId, role: "owner" });
  const written = await api.call("owner", "POST", "/alerts", { name: "x", condition: many, mail_members: [userId] });
  expect(written.status).toBe(422);
  const id = await create();
  for (const [method, path] of [
    ["GET", ""],
    ["PATCH", ""],
    ["DELETE", ""],
    ["GET", "/events"],
    ["POST", "/test"],
  ] as const) {
    const body = method === "PATCH" ? {} : undefined;
    expect((await api.call("stranger", method, `/alerts/${id}${path}`, body)).status).toBe(404);
  }
  expect(idsIn(await api.call("stranger", "GET", "/alerts"))).toEqual([]);
});

test("viewers read and change nothing", async () => {
  const id = await create();
  expect(idsIn(await api.call("viewer", "GET", "/alerts"))).toEqual([id]);
  expect((await api.call("viewer", "GET", `/alerts/${id}/events`)).status).toBe(200);
  expect((await api.call("viewer", "PATCH", `/alerts/${id}`, { name: "x" })).status).toBe(403);
  expect((await api.call("viewer", "POST", `/alerts/${id}/test`)).status).toBe(403);
});

test("a patch changes what it names and nothing else; the audit log says what", async () => {
  const id = await create({ muted_until: "2030-01-01T00:00:00Z" });
  const { body } = await api.call("owner", "PATCH", `/alerts/${id}`, { name: "Shop", muted_until: null });
  expect(body).toMatchObject({ name: "Shop", muted_until: null, condition: { percent: 5 }, mail_in_charge: true });
  const deeds = await api.db("audit_entry").where({ resource_id: id }).orderBy("created_at");
  expect(deeds.map(({ action }) => action)).toEqual(["alert.create", "alert.update"]);
  expect(deeds[1].changes).toEqual([
    { pointer: "/muted_until", before: "2030-01-01T00:00:00.000Z", after: null },
    { pointer: "/name", before: "Errors", after: "Shop" },
  ]);
});

test("If-Match guards what people decide of it, not how it stands", async () => {
  const id = await create();
  const tag = (await api.call("owner", "GET", `/alerts/${id}`)).headers.get("etag") ?? "";
  await api.db("alert").where({ id }).update({ status: "pending", judged_until: new Date() });
  const changed = await api.call("owner", "PATCH", `/alerts/${id}`, { name: "Shop" }, { "if-match": tag });
  expect(changed.status).toBe(200);
  const late = await api.call("owner", "PATCH", `/alerts/${id}`, { name: "Late" }, { "if-match": tag });
  expect(late.status).toBe(412);
});

const raised = { status: "raised", is_told: true, judged_until: new Date(), value: 7, reason: "7 %", covered: "[]" };

test.each([
  ["it waits for something else", { condition: many }],
  ["it is disabled", { is_enabled: false }],
])("an alert that is raised is over when %s: its history says so, and whoever was told is told", async (_, patch) => {
  const id = await create();
  await api.db("alert").where({ id }).update(raised);
  await api.call("owner", "PATCH", `/alerts/${id}`, patch);
  const { body } = await api.call("owner", "GET", `/alerts/${id}/events`);
  expect(body).toMatchObject({ data: [{ kind: "resolved", value: 7 }] });
  const told = await api.db("notification").whereRaw("details->>'alert_id' = ?", [id]);
  expect(told).toMatchObject([{ event: "alert.resolved" }]);
  expect(await api.db("alert").where({ id }).first()).toMatchObject({ status: "ok", is_told: false, value: null });
});

test("an alert that is deleted while it is raised is over, too", async () => {
  const id = await create();
  await api.db("alert").where({ id }).update(raised);
  expect((await api.call("owner", "DELETE", `/alerts/${id}`)).status).toBe(204);
  expect((await api.call("owner", "GET", `/alerts/${id}`)).status).toBe(404);
  const told = await api.db("notification").whereRaw("details->>'alert_id' = ?", [id]);
  expect(told).toMatchObject([{ event: "alert.resolved", body: expect.stringContaining("The alert was deleted.") }]);
});

test("what nobody judges any more is unknown, since it was judged last", async () => {
  const id = await create();
  const judged = new Date(Date.now() - 10 * 60_000);
  await api
    .db("alert")
    .where({ id })
    .update({ ...raised, judged_until: judged });
  const { body } = await api.call("owner", "GET", `/alerts/${id}`);
  expect(body).toMatchObject({ state: { status: "unknown", since: judged.toISOString(), value: 7 } });
});

test("a test is told like the real thing, stands in the history, and five go in a minute", async () => {
  const id = await create();
  const asked = await Promise.all(Array.from({ length: 8 }, () => api.call("owner", "POST", `/alerts/${id}/test`)));
  expect(asked.map(({ status }) => status).sort()).toEqual([...Array(5).fill(202), ...Array(3).fill(429)]);
  const { body } = await api.call("owner", "GET", `/alerts/${id}/events?kind=tested&limit=2`);
  expect(body).toMatchObject({ data: [{ kind: "tested" }, { kind: "tested" }], next_cursor: expect.any(String) });
  const told = await api.db("notification").whereRaw("details->>'alert_id' = ?", [id]);
  expect(told).toHaveLength(5);
  expect(told[0]).toMatchObject({ event: "alert.raised", is_urgent: true, wants_letter: true });
  expect(told[0].details).toMatchObject({ is_test: true });
});

test("an account has a hundred alerts at most, also when it asks for more at once", async () => {
  const row = await api
    .db("alert")
    .where({ id: await create() })
    .first();
  for (const column of ["condition", "mail_members", "covered"]) row[column] = JSON.stringify(row[column]);
  await api.db("alert").insert(Array.from({ length: 96 }, () => ({ ...row, id: randomUUID() })));
  const asked = Array.from({ length: 6 }, () => api.call("owner", "POST", "/alerts", { name: "x", condition: errors }));
  const answers = await Promise.all(asked);
  expect(answers.map(({ status }) => status).sort()).toEqual([...Array(3).fill(201), ...Array(3).fill(409)]);
});

test("whose distribution was deleted is not enabled again", async () => {
  const { record } = await api.services.distributions.create(api.people.owner, inputFor("gone.example.com"));
  const id = await create({ distribution_id: record.id, is_enabled: false });
  await api.db("distribution").where({ id: record.id }).update({ deleted_at: new Date() });
  expect((await api.call("owner", "PATCH", `/alerts/${id}`, { is_enabled: true })).status).toBe(422);
  expect((await api.call("owner", "PATCH", `/alerts/${id}`, { name: "Renamed" })).status).toBe(200);
});
