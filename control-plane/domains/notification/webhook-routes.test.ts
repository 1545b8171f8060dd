import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { createSeal } from "../../../platform/seal.ts";
import { startTestApi, type TestApi } from "../distribution/test-api.ts";
import { createWebhookService, webhookRoutes } from "./index.ts";

let api: TestApi;
beforeAll(async () => {
  const seal = createSeal(Buffer.alloc(32, 7));
  const policy = { allowPrivateOrigins: false };
  api = await startTestApi(undefined, ({ db }) =>
    webhookRoutes(createWebhookService({ db, seal, policy, clock: () => new Date() })),
  );
});
afterAll(() => api.stop());

const url = "https://hooks.example.com/services/T0/very-secret-path";
const created = z.looseObject({ id: z.uuid(), secret: z.string() });

async function create(body: object = {}) {
  const answer = await api.call("owner", "POST", "/webhooks", { url, events: ["*"], ...body });
  expect(answer.status).toBe(201);
  return created.parse(answer.body);
}

test("a webhook shows its secret once; the log shows neither that nor the path of its URL", async () => {
  const { id, secret } = await create({ description: "On duty" });
  expect(Buffer.from(secret.replace("whsec_", ""), "base64")).toHaveLength(32);
  const read = await api.call("owner", "GET", `/webhooks/${id}`);
  expect(read.body).toMatchObject({ id, url, events: ["*"], description: "On duty", is_enabled: true });
  expect(JSON.stringify(read.body)).not.toContain(secret);
  expect(JSON.stringify((await api.call("owner", "GET", "/webhooks")).body)).not.toContain(secret);

  const rotated = await api.call("owner", "POST", `/webhooks/${id}/rotate-secret`, {});
  const { secret: next } = created.parse(rotated.body);
  expect(next).not.toBe(secret);
  await api.call("owner", "PATCH", `/webhooks/${id}`, { url: `${url}/other` });
  await api.call("owner", "DELETE", `/webhooks/${id}`);
  expect((await api.call("owner", "GET", `/webhooks/${id}`)).status).toBe(404);

  const deeds = await api.db("audit_entry").where({ resource_id: id }).orderBy("created_at");
  expect(deeds.map(({ action }) => action)).toEqual([
    "webhook.create",
    "webhook.rotate_secret",
    "webhook.update",
    "webhook.delete",
  ]);
  expect(deeds[2].changes).toEqual([{ pointer: "/url", before: "(set)", after: "(changed)" }]);
  const log = JSON.stringify(deeds);
  for (const hidden of [secret, next, "very-secret-path"]) expect(log).not.toContain(hidden);
});

test("a secret lies in the database sealed", async () => {
  const { id, secret } = await create();
  await api.call("owner", "POST", `/webhooks/${id}/rotate-secret`, { overlap_hours: 1 });
  const row = await api.db("webhook").where({ id }).first();
  expect(JSON.stringify(row)).not.toContain(secret.replace("whsec_", ""));
  expect(row.previous_sealed).not.toBeNull();
});

test.each([
  [{ url: "http://hooks.example.com/" }, "/url", "must begin with https"],
  [{ url: "https://192.168.0.1/" }, "/url", "points at a private address"],
  [{ url: "https://169.254.169.254/" }, "/url", "points at an address that no receiver may have"],
  [{ url: `https://hooks.example.com/${"x".repeat(2_000)}` }, "/url", "must have at most 2000 characters"],
  [{ events: [] }, "/events", "must name at least one event"],
  [{ events: ["domain.won", "domain.won"] }, "/events", "must name each event once"],
  [{ events: ["webhook.test"] }, "/events/0", "must be * or one of certificate.expiring"],
  [{ description: "two\nlines" }, "/description", ""],
])("%j is refused at %s", async (body, pointer, detail) => {
  const answer = await api.call("owner", "POST", "/webhooks", { url, events: ["*"], ...body });
  expect(answer.status).toBe(422);
  const { errors } = z
    .looseObject({ errors: z.array(z.object({ pointer: z.string(), detail: z.string() })) })
    .parse(answer.body);
  expect(errors.map((error) => error.pointer)).toContain(pointer);
  expect(JSON.stringify(errors)).toContain(detail);
});

test("webhooks are for admins, reading too", async () => {
  const { id } = await create();
  for (const path of ["/webhooks", `/webhooks/${id}`, `/webhooks/${id}/deliveries`]) {
    expect((await api.call("viewer", "GET", path)).status).toBe(403);
  }
  expect((await api.call("stranger", "GET", `/webhooks/${id}`)).status).toBe(404);
  expect((await api.call("stranger", "GET", `/webhooks/${id}/deliveries`)).status).toBe(404);
});

test("If-Match guards what people decide of it, not how its deliveries go", async () => {
  const { id } = await create();
  const tag = (await api.call("owner", "GET", `/webhooks/${id}`)).headers.get("etag") ?? "";
  await api.db("webhook").where({ id }).update({ failing_since: new Date() });
  const patch = { description: "Night shift" };
  const changed = await api.call("owner", "PATCH", `/webhooks/${id}`, patch, { "if-match": tag });
  expect(changed.status).toBe(200);
  const late = await api.call("owner", "PATCH", `/webhooks/${id}`, { description: "Late" }, { "if-match": tag });
  expect(late.status).toBe(412);
});

test("deliveries are listed by the page and by what became of them, and one shows what was posted", async () => {
  const { id } = await create();
  const ids: string[] = [];
  for (let n = 0; n < 3; n += 1) {
    const sent = await api.call("owner", "POST", `/webhooks/${id}/test`);
    expect(sent.status).toBe(202);
    const delivery = z.looseObject({ id: z.uuid() }).parse(sent.body);
    ids.push(delivery.id);
    // Two within a millisecond would stand in the order of their ids.
    await api
      .db("webhook_delivery")
      .where({ id: delivery.id })
      .update({ created_at: new Date(Date.now() + n) });
  }
  await api.db("webhook_delivery").where({ id: ids[0] }).update({ status: "failed", next_attempt_at: null });
  const listed = z.object({ data: z.array(z.looseObject({ id: z.uuid() })), next_cursor: z.string().nullable() });
  const page = async (query: string) => {
    const { body } = await api.call("owner", "GET", `/webhooks/${id}/deliveries?${query}`);
    const { data, next_cursor: next } = listed.parse(body);
    return { ids: data.map((delivery) => delivery.id), next };
  };
  const first = await page("limit=2");
  expect(first.ids).toEqual([ids[2], ids[1]]);
  expect(await page(`limit=2&cursor=${first.next}`)).toEqual({ ids: [ids[0]], next: null });
  expect((await page("status=failed")).ids).toEqual([ids[0]]);
  const { body } = await api.call("owner", "GET", `/webhooks/${id}/deliveries/${ids[0]}`);
  expect(body).toMatchObject({ event: "webhook.test", status: "failed", body: expect.stringContaining(id) });
  const other = await create();
  const foreign = await api.call("owner", "GET", `/webhooks/${other.id}/deliveries/${ids[0]}`);
  expect(foreign.status).toBe(404);
});

test("an account sends ten tests in a minute, to whichever webhook, also when it asks for all at once", async () => {
  await api.db("webhook_delivery").delete();
  const [one, two] = [await create(), await create()];
  const asked = Array.from({ length: 14 }, (_, n) =>
    api.call("owner", "POST", `/webhooks/${n % 2 === 0 ? one.id : two.id}/test`),
  );
  const answers = await Promise.all(asked);
  expect(answers.map(({ status }) => status).sort()).toEqual([...Array(10).fill(202), ...Array(4).fill(429)]);
  expect(answers.find(({ status }) => status === 429)?.headers.get("retry-after")).toBe("60");
});

test("an account has twenty webhooks at most, also when it asks for more at once", async () => {
  await api.db("webhook").delete();
  const asked = Array.from({ length: 23 }, () => api.call("owner", "POST", "/webhooks", { url, events: ["*"] }));
  const answers = await Promise.all(asked);
  expect(answers.map(({ status }) => status).sort()).toEqual([...Array(20).fill(201), ...Array(3).fill(409)]);
});

test("who disables a webhook gives up what waits for it", async () => {
  await api.db("webhook").delete();
  await api.db("webhook_delivery").delete();
  const { id } = await create();
  await api.call("owner", "POST", `/webhooks/${id}/test`);
  expect((await api.call("owner", "PATCH", `/webhooks/${id}`, { is_enabled: false })).status).toBe(200);
  const { body } = await api.call("owner", "GET", `/webhooks/${id}/deliveries`);
  expect(body).toMatchObject({ data: [{ status: "failed", next_attempt_at: null, attempts: [] }] });
});

test("an account that is being deleted gets no webhook", async () => {
  const { accountId } = api.people.stranger;
  await api.db("account").where({ id: accountId }).update({ deleted_at: new Date() });
  expect((await api.call("stranger", "POST", "/webhooks", { url, events: ["*"] })).status).toBe(403);
});
