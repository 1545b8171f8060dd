import { readFile } from "node:fs/promises";
import { Validator } from "@seriousme/openapi-schema-validator";
import { expect, test } from "vitest";
import { z } from "zod";
import { defineProblem } from "../../../platform/problem.ts";
import { defineRoute, type Route } from "../define-route.ts";
import { openApiDocument } from "../platform-routes.ts";
import { faultsOfDocument, missingExamples } from "./lint.ts";

const origin = z
  .strictObject({ url: z.url(), port: z.int().min(1).default(80) })
  .meta({ id: "Origin", examples: [{ url: "http://a" }] });
const site = z.object({ id: z.uuid(), origin, seen_at: z.iso.datetime().nullable() }).meta({ id: "Site" });
const siteGone = defineProblem("site-gone", 410, "The site is gone");
const siteMoved = defineProblem("site-moved", 410, "The site is elsewhere");

const routes: Route[] = [
  defineRoute({
    method: "POST",
    path: "/sites/{site_id}/clones",
    operationId: "cloneSite",
    tag: "Sites",
    summary: "Clone a site",
    access: { kind: "account", role: "editor", scope: "distributions:write" },
    params: z.object({ site_id: z.uuid() }),
    query: z.object({ depth: z.coerce.number().int().max(9).default(1), label: z.string().optional(), by: z.string() }),
    body: z.strictObject({ origin: z.union([origin, z.array(origin)]) }).meta({ id: "Clone" }),
    reply: { status: 201, body: site },
    problems: [siteMoved, siteGone],
    handle: async () => {
      throw new Error("never asked");
    },
  }),
  defineRoute({
    method: "POST",
    path: "/edge/v1/lines",
    operationId: "sendLines",
    tag: "Edge",
    summary: "Send lines",
    access: { kind: "edge" },
    body: { raw: "application/x-ndjson", bytesMax: 10 },
    reply: { status: 204, empty: true },
    handle: async () => ({}),
  }),
];
const document = openApiDocument(routes);

const routeBasics = {
  path: "/settings",
  operationId: "settings",
  tag: "Sites",
  summary: "Settings",
  access: { kind: "account", role: "editor", scope: "distributions:write" },
  reply: { status: 200, body: z.object({ on: z.boolean() }) },
  handle: async () => ({ body: { on: true } }),
} as const;

function describeOne(declaration: Parameters<typeof defineRoute>[0]): unknown {
  const route = defineRoute(declaration);
  return openApiDocument([route]).paths["/api/v1/settings"]?.[route.method.toLowerCase()];
}

const publishedSchema = z.looseObject({
  paths: z.record(z.string(), z.record(z.string(), z.unknown())),
  components: z.record(z.string(), z.unknown()),
});

test("the document is valid OpenAPI 3.1 and has no lint", async () => {
  // The validator wants plain JSON.
  const checked = await new Validator().validate(JSON.parse(JSON.stringify(document)));
  expect(checked).toMatchObject({ valid: true });
  expect(faultsOfDocument(document)).toEqual([]);
});

test("so is the document that is published, with every route of every domain", async () => {
  const published: unknown = JSON.parse(await readFile(new URL("../../../docs/openapi.json", import.meta.url), "utf8"));
  expect(await new Validator().validate(structuredClone(publishedSchema.parse(published)))).toMatchObject({
    valid: true,
  });
  expect(faultsOfDocument(publishedSchema.parse(published))).toEqual([]);
});

test("every route is in it at the path where it is served, with the platform's own beside it", () => {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`),
  );
  expect(operations).toEqual([
    "get /api/v1/openapi.json",
    "post /api/v1/sites/{site_id}/clones",
    "post /edge/v1/lines",
    "get /health",
    "get /metrics",
    "get /ready",
  ]);
});

test("an operation says its parameters, its body, its reply, who may call it, and what can go wrong", () => {
  const clone = document.paths["/api/v1/sites/{site_id}/clones"]?.post;
  expect(clone).toMatchObject({
    operationId: "cloneSite",
    security: [{ account: ["distributions:write"] }],
    parameters: [
      { name: "site_id", in: "path", required: true, schema: { type: "string", format: "uuid" } },
      { name: "depth", in: "query", required: false, schema: { type: "integer", maximum: 9, default: 1 } },
      { name: "label", in: "query", required: false },
      { name: "by", in: "query", required: true },
      { name: "X-Account-Id", in: "header" },
      { name: "Idempotency-Key", in: "header", schema: { maxLength: 255 } },
    ],
    requestBody: {
      required: true,
      content: { "application/json": { schema: { $ref: "#/components/schemas/Clone" } } },
    },
    responses: {
      201: {
        content: { "application/json": { schema: { $ref: "#/components/schemas/Site" } } },
        headers: {
          Location: { $ref: "#/components/headers/Location" },
          "Idempotency-Replayed": {},
          "RateLimit-Limit": {},
        },
      },
      401: { $ref: "#/components/responses/401.unauthenticated" },
      403: {},
      409: { description: "The first request still runs" },
      410: { description: "The site is gone · The site is elsewhere" },
      413: {},
      415: {},
      422: {},
      429: { $ref: "#/components/responses/429.too-many-requests" },
      500: {},
      503: {},
    },
  });
  expect(document.components).toMatchObject({
    responses: {
      "401.unauthenticated": { headers: { "WWW-Authenticate": {} } },
      "429.too-many-requests": { headers: { "Retry-After": {}, "RateLimit-Reset": {} } },
    },
  });
  expect(document.paths["/edge/v1/lines"]?.post).toMatchObject({
    security: [{ edge: [] }],
    requestBody: { content: { "application/x-ndjson": {} } },
    responses: { 204: {} },
  });
});

test("a problem that several operations have in common stands once, under its status and its types", () => {
  const { components, paths } = openApiDocument(
    ["first", "second"].map((operationId) =>
      defineRoute({ ...routeBasics, path: `/${operationId}`, operationId, method: "PATCH", problems: [siteGone] }),
    ),
  );
  const shared = { $ref: "#/components/responses/410.site-gone" };
  expect(paths["/api/v1/first"]?.patch).toMatchObject({ responses: { 410: shared } });
  expect(paths["/api/v1/second"]?.patch).toMatchObject({ responses: { 410: shared } });
  expect(components).toMatchObject({ responses: { "410.site-gone": { description: "The site is gone" } } });
});

test("an operation says what it declares of If-Match, Prefer, deprecation and limits", () => {
  const update = describeOne({
    ...routeBasics,
    method: "PATCH",
    ifMatch: true,
    prefersWait: true,
    deprecated: { since: "2026-01-01", sunset: "2027-01-01" },
  });
  expect(update).toMatchObject({
    deprecated: true,
    parameters: [{ name: "X-Account-Id" }, { name: "If-Match" }, { name: "Prefer" }],
    responses: {
      200: { headers: { ETag: {}, "Preference-Applied": {}, Deprecation: {}, Sunset: {} } },
      412: { headers: { Deprecation: {} } },
    },
  });
  expect(update).not.toHaveProperty("responses.200.headers.Link");
  const read = describeOne({ ...routeBasics, method: "GET", unlimited: true });
  expect(read).toMatchObject({
    parameters: [{ name: "X-Account-Id" }, { name: "If-None-Match" }],
    responses: { 200: { headers: { ETag: {} } }, 304: {} },
  });
  expect(read).not.toHaveProperty("responses.429");
  const create = describeOne({ ...routeBasics, method: "POST", idempotencyKey: false });
  expect(create).toMatchObject({ parameters: [{ name: "X-Account-Id" }] });
  expect(create).not.toHaveProperty("responses.409");
});

test("what may be done at once or only begun has both statuses, alike in body and headers", () => {
  const create = describeOne({
    ...routeBasics,
    method: "POST",
    reply: { status: 201, orStatus: 202, body: z.object({ on: z.boolean() }) },
  });
  const good = {
    content: { "application/json": { schema: { properties: { on: { type: "boolean" } } } } },
    headers: { Location: {}, "Idempotency-Replayed": {} },
  };
  expect(create).toMatchObject({ responses: { 201: good, 202: good } });
  expect(create).not.toHaveProperty("responses.202.headers.Retry-After");
});

test("a schema whose request and reply differ becomes two components; requests are closed, replies are open", () => {
  expect(document.components).toMatchObject({
    schemas: {
      Clone: {
        additionalProperties: false,
        properties: { origin: { anyOf: [{ $ref: expect.stringMatching(/OriginInput$/) }, {}] } },
      },
      OriginInput: { required: ["url"], additionalProperties: false, examples: [{ url: "http://a" }] },
      Origin: { required: ["url", "port"] },
      Site: { properties: { origin: { $ref: "#/components/schemas/Origin" } } },
    },
  });
  expect(JSON.stringify(document.components)).not.toContain("~");
  expect(document).not.toHaveProperty("components.schemas.Site.additionalProperties");
});

test("what a request may say is told with examples and defaults, though it is spelt anew when it comes in", () => {
  const spelt = z.string().transform((text) => text.toLowerCase());
  const create = describeOne({
    ...routeBasics,
    method: "POST",
    body: z.strictObject({ name: spelt, tags: z.array(spelt).default([]) }).meta({ examples: [{ name: "A" }] }),
  });
  expect(create).toMatchObject({
    requestBody: {
      content: {
        "application/json": { schema: { examples: [{ name: "A" }], properties: { tags: { default: [] } } } },
      },
    },
  });
});

test("the order of the declarations leaves no trace", () => {
  expect(JSON.stringify(openApiDocument([...routes].reverse()))).toBe(JSON.stringify(document));
});

test("lint finds JSON that nobody can picture", () => {
  const example = { origin: { url: "http://a" } };
  const declare = (body: z.ZodType, reply: z.ZodType) =>
    openApiDocument([
      defineRoute({
        method: "POST",
        path: "/pictures",
        operationId: "picture",
        tag: "Sites",
        summary: "Picture",
        access: { kind: "public" },
        body,
        reply: { status: 201, body: reply },
        handle: async () => ({ body: {} }),
      }),
    ]);
  expect(missingExamples(declare(z.strictObject({ origin }), z.object({ origin })))).toEqual([
    "picture: its request has no example",
    "picture: its 201 answer has no example",
  ]);
  expect(missingExamples(declare(z.strictObject({ origin }).meta({ examples: [example] }), origin))).toEqual([]);
});

test("lint finds a body that lets unknown fields pass, and a component that nobody describes", () => {
  const loose = defineRoute({
    method: "POST",
    path: "/loose",
    operationId: "loose",
    tag: "Sites",
    summary: "",
    access: { kind: "public" },
    body: z.strictObject({ inner: z.object({ n: z.int() }) }),
    reply: { status: 204, empty: true },
    handle: async () => ({}),
  });
  expect(faultsOfDocument(openApiDocument([loose]))).toEqual([
    "loose: has no summary",
    "loose: the request body lets unknown fields pass at /inner (z.strictObject does not)",
  ]);
});
