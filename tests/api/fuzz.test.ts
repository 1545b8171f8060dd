// Thousands of bad requests, generated from the OpenAPI document: each is authenticated and differs in one thing from a
// request that is accepted. Each is refused with the expected problem at the expected pointer; nothing is stored.
import { randomUUID } from "node:crypto";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { storedRows } from "./belongings.ts";
import { committedDocument } from "./document.ts";
import { createMutator } from "./mutations.ts";
import { changesPeople, hasRecipe, pathOf, type Recipe, recipeFor } from "./recipes.ts";
import { type ApiWorld, type Operation, operationsOf, type Person, startApiWorld } from "./world.ts";

const AT_ONCE = 16;
const ANSWERED_WITHIN_MS = 10_000;
const REQUESTS_MIN = 5_000;

const document = committedDocument();
const mutator = createMutator(document);
const operations = operationsOf(document).filter(hasRecipe);

let world: ApiWorld;
let owner: Person;
let operator: Person;
let sent = 0;

beforeAll(async () => {
  world = await startApiWorld();
  owner = await world.register();
  operator = await world.registerOperator();
});
afterAll(() => world.stop());

interface BadRequest {
  readonly what: string;
  readonly path: string;
  readonly body?: Buffer | string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly status: number;
  readonly type: string;
  readonly pointer?: string;
}

const problemSchema = z.object({
  type: z.string(),
  status: z.number(),
  errors: z.array(z.object({ pointer: z.string(), detail: z.string().min(1) })).optional(),
});

describe.each(operations)("$operationId", (operation) => {
  test("refuses what differs in one thing from what it accepts", async () => {
    const asker = await askerOf(operation);
    const recipe = await recipeFor(operation, { world, owner: asker, canary: `fuzz-${randomUUID()}` });
    const requests = badRequests(operation, recipe);
    const before = await storedRows(world.db);
    for (let index = 0; index < requests.length; index += AT_ONCE) {
      await Promise.all(
        requests.slice(index, index + AT_ONCE).map((request) => expectRefusal(operation, asker, request)),
      );
    }
    sent += requests.length;
    expect(await storedRows(world.db)).toBe(before);
    const twin = await asker.call(operation.method, pathOf(operation, recipe), recipe.body);
    expect(twin.status, JSON.stringify(twin.body)).toBeLessThan(300);
  });
});

test("these were thousands", () => {
  expect(sent).toBeGreaterThanOrEqual(REQUESTS_MIN);
});

async function expectRefusal(operation: Operation, asker: Person, request: BadRequest): Promise<void> {
  const answer = await fetch(`${world.api.url}${request.path}`, {
    method: operation.method,
    headers: { authorization: `Bearer ${asker.token}`, "content-type": "application/json", ...request.headers },
    ...(request.body === undefined ? {} : { body: request.body }),
    signal: AbortSignal.timeout(ANSWERED_WITHIN_MS),
  });
  const text = await answer.text();
  expect(answer.status, `${request.what}: ${text}`).toBe(request.status);
  const problem = problemSchema.parse(JSON.parse(text));
  expect(problem.type, request.what).toBe(`urn:edgewright:problem:${request.type}`);
  if (request.pointer !== undefined) {
    const pointers = problem.errors?.map(({ pointer }) => pointer) ?? [];
    expect(
      pointers.some((pointer) => isWithin(pointer, request.pointer ?? "")),
      `${request.what}: ${text}`,
    ).toBe(true);
  }
}

/** The fault may be told more closely: the member of a list, the field of an object that was none. */
function isWithin(pointer: string, expected: string): boolean {
  return pointer === expected || pointer.startsWith(`${expected}/`);
}

function badRequests(operation: Operation, recipe: Recipe): readonly BadRequest[] {
  const path = pathOf(operation, recipe);
  return [
    ...badParameters(operation, recipe),
    ...(recipe.body === undefined ? [] : badBodies(operation, recipe, path)),
  ];
}

function badBodies(operation: Operation, { body }: Recipe, path: string): readonly BadRequest[] {
  const schema = operation.requestBody?.content["application/json"]?.schema;
  const json = JSON.stringify(body);
  const invalid = mutator.mutationsOf(schema, body).map(({ what, pointer, value }) => ({
    ...{ what, path, pointer, body: JSON.stringify(value) },
    ...{ status: 422, type: "invalid-request" },
  }));
  const withProto = json.replace("{", '{"__proto__":{"isAdmin":true},').replace(",}", "}");
  const malformed = { status: 400, type: "malformed-request", path };
  const unsupported = { status: 415, type: "unsupported-media-type", path };
  return [
    ...invalid,
    { what: "a __proto__", path, body: withProto, pointer: "/__proto__", status: 422, type: "invalid-request" },
    { ...malformed, what: "half of the JSON", body: json.slice(0, -1) },
    { ...malformed, what: "JSON and more", body: `${json}x` },
    {
      ...malformed,
      what: "broken UTF-8",
      body: Buffer.concat([Buffer.from(json.slice(0, -1)), Buffer.from([0xff, 0x7d])]),
    },
    { ...malformed, what: "UTF-16", body: Buffer.from(json, "utf16le") },
    { ...malformed, what: "endless nesting", body: "[".repeat(100_000) },
    { ...malformed, what: "no gzip at all", body: json, headers: { "content-encoding": "gzip" } },
    {
      ...malformed,
      what: "half a gzip",
      body: gzipSync(json).subarray(0, 15),
      headers: { "content-encoding": "gzip" },
    },
    { ...unsupported, what: "text/plain", body: json, headers: { "content-type": "text/plain" } },
    { ...unsupported, what: "a form", body: json, headers: { "content-type": "application/x-www-form-urlencoded" } },
    { ...unsupported, what: "brotli", body: json, headers: { "content-encoding": "br" } },
    { what: "a megabyte too much", path, body: `"${"x".repeat(1_100_000)}"`, status: 413, type: "content-too-large" },
    {
      ...{ what: "a gzip bomb", path, status: 413, type: "content-too-large" },
      ...{ body: gzipSync(Buffer.alloc(5_000_000, "x")), headers: { "content-encoding": "gzip" } },
    },
  ];
}

function badParameters(operation: Operation, recipe: Recipe): readonly BadRequest[] {
  const body = recipe.body === undefined ? {} : { body: JSON.stringify(recipe.body) };
  const refused = { status: 422, type: "invalid-request", ...body };
  const inPath = operation.parameters.filter((parameter) => parameter.in === "path");
  const inQuery = operation.parameters.filter((parameter) => parameter.in === "query");
  return [
    ...inPath.flatMap(({ name, schema }) =>
      mutator
        .textsRefusedBy(schema)
        // An empty step or dots make it another path, and half a character is no URL.
        .filter((text) => !/^(\s*|\.+)$/.test(text) && !/\p{Cs}/u.test(text))
        .map((text) => ({
          ...refused,
          what: `:${name} = ${JSON.stringify(text).slice(0, 60)}`,
          path: pathOf(operation, { ...recipe, params: { ...recipe.params, [name]: text } }),
          pointer: `:${name}`,
        })),
    ),
    ...inQuery.flatMap(({ name, schema }) =>
      mutator
        .textsRefusedBy(schema)
        .filter((text) => !/\p{Cs}/u.test(text))
        .map((text) => ({
          ...refused,
          what: `?${name} = ${JSON.stringify(text).slice(0, 60)}`,
          path: pathOf(operation, { ...recipe, query: { ...recipe.query, [name]: text } }),
          pointer: `?${name}`,
        })),
    ),
    ...["zz_unknown", "__proto__", "constructor"].map((name) => ({
      ...refused,
      what: `?${name}`,
      path: pathOf(operation, { ...recipe, query: { ...recipe.query, [name]: "1" } }),
      pointer: `?${name}`,
    })),
  ];
}

function askerOf(operation: Operation): Promise<Person> | Person {
  if (!changesPeople(operation)) return isForOperators(operation) ? operator : owner;
  return isForOperators(operation) ? world.registerOperator() : world.register();
}

function isForOperators({ security = [] }: Operation): boolean {
  return security[0]?.account?.[0]?.startsWith("platform:") ?? false;
}
