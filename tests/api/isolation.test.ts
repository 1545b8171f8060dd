// Who may do what, for every operation of the OpenAPI document: without a token 401, with another tenant's 404, as a
// viewer 403, with a token of other scopes 403; and each time nothing of the owner's is changed or shown. At last the
// owner does it, so that none of these was refused for another reason.
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { storedRows } from "./belongings.ts";
import { committedDocument } from "./document.ts";
import { changesPeople, hasRecipe, type Kitchen, pathOf, type Recipe, recipeFor } from "./recipes.ts";
import { type ApiWorld, allScopes, type Operation, operationsOf, type Person, startApiWorld } from "./world.ts";

let world: ApiWorld;
let owner: Person;
let operator: Person;
let stranger: Person;
let viewer: Person;

beforeAll(async () => {
  world = await startApiWorld();
  owner = await world.register();
  operator = await world.registerOperator();
  stranger = await world.register();
  viewer = await world.join(owner, "viewer");
});
afterAll(() => world.stop());

/** What the document says of who may ask: who has a scope of the platform is an operator; who has none, a person. */
type Door = "public" | "edge" | "operator" | "account" | "person";

function doorOf({ security = [] }: Operation): Door {
  const [needed] = security;
  if (needed === undefined) return "public";
  if ("edge" in needed) return "edge";
  const scope = needed.account?.[0];
  if (scope === undefined) return "person";
  return scope.startsWith("platform:") ? "operator" : "account";
}

const operations = operationsOf(committedDocument()).filter(
  (operation) => !["public", "edge"].includes(doorOf(operation)),
);

test("every operation that needs a caller has a recipe", () => {
  expect(operations.length).toBeGreaterThan(20);
  expect(operations.filter((operation) => !hasRecipe(operation)).map(({ operationId }) => operationId)).toEqual([]);
});

describe.each(operations)("$method $path", (operation) => {
  const door = doorOf(operation);

  test("is for its owner alone", async () => {
    const { asker, stranger, viewer } = await castOf(operation, door);
    const kitchen: Kitchen = { world, owner: asker, canary: `canary${randomBytes(8).toString("hex")}` };
    const recipe = await recipeFor(operation, kitchen);
    const ask = (person: Pick<Person, "call">, headers: Readonly<Record<string, string>> = {}) =>
      person.call(operation.method, pathOf(operation, recipe), recipe.body, headers);
    const program = await programWithout(asker, door === "person" ? undefined : scopeOf(operation));
    const before = await storedRows(world.db, [asker.accountId, asker.userId]);

    const refusals: [who: string, answer: Awaited<ReturnType<typeof ask>>, statuses: readonly number[]][] = [
      ["without a token", await ask(world.api), [401]],
      ["with a token that nobody issued", await ask(world.api.as("not-a-token")), [401]],
    ];
    if (!FOR_WHOEVER_HOLDS_IT.has(operation.operationId)) {
      refusals.push(["as a stranger", await ask(stranger), strangersStatuses(operation, door, recipe)]);
    }
    if (door === "account") {
      const asMember = { "x-account-id": asker.accountId };
      refusals.push(["as a stranger who names the account", await ask(stranger, asMember), [403]]);
      refusals.push(["with a token of other scopes", await ask(program), [403]]);
      const isForViewers = operation.method === "GET" || FOR_VIEWERS.has(operation.operationId);
      if (!isForViewers) refusals.push(["as a viewer", await ask(viewer), [403]]);
    }
    if (door === "operator") {
      refusals.push(["as the owner of an account", await ask(owner), [403]]);
      refusals.push(["with a token of other scopes", await ask(program), [403]]);
    }
    if (door === "person") {
      refusals.push(["with an API token", await ask(program), [403]]);
    }

    for (const [who, { status, body, headers }, statuses] of refusals) {
      const text = `${JSON.stringify(body)}${JSON.stringify([...headers])}`;
      expect(statuses, `${who}: ${status} ${text}`).toContain(status);
      if (status >= 400) expect(headers.get("content-type"), who).toBe("application/problem+json");
      if (!JSON.stringify(recipe).includes(kitchen.canary)) expect(text, who).not.toContain(kitchen.canary);
      if (status >= 400) for (const id of idsOf(recipe)) expect(withoutInstance(body), who).not.toContain(id);
    }
    expect(await storedRows(world.db, [asker.accountId, asker.userId])).toBe(before);

    const answer = await ask(asker);
    expect(successesOf(operation), `the owner: ${JSON.stringify(answer.body)}`).toContain(answer.status);
  });
});

/** A mailed token, a signed message: good for whoever shows it first, and for nobody after that. */
const FOR_WHOEVER_HOLDS_IT = new Set(["acceptInvitation", "linkEthereum"]);
/** What their path names is nobody's: everybody has the same months. */
const OF_EVERYBODY = new Set(["getUsage"]);
/** Tokens of their own, for what viewers may do. */
const FOR_VIEWERS = new Set(["createApiToken", "revokeApiToken"]);

interface Cast {
  readonly asker: Person;
  readonly stranger: Person;
  readonly viewer: Person;
}

async function castOf(operation: Operation, door: Door): Promise<Cast> {
  if (!changesPeople(operation)) {
    return { asker: door === "operator" ? operator : owner, stranger, viewer };
  }
  const asker = await (door === "operator" ? world.registerOperator() : world.register());
  return { asker, stranger: await world.register(), viewer: await world.join(asker, "viewer") };
}

const programs = new Map<string, Person>();

/** A program that may do everything else. */
async function programWithout(asker: Person, scope: string | undefined): Promise<Person> {
  const key = `${asker.userId} ${scope}`;
  const others = allScopes.filter((other) => other !== scope && (asker.isOperator || !other.startsWith("platform:")));
  const program = programs.get(key) ?? (await world.program(asker, others));
  programs.set(key, program);
  return program;
}

/** Where nothing of the owner's is named, a stranger asks about things of their own. */
function strangersStatuses(operation: Operation, door: Door, recipe: Recipe): readonly number[] {
  if (door === "operator") return [403];
  if (operation.path.includes("{") && !OF_EVERYBODY.has(operation.operationId)) return [404];
  return idsOf(recipe).length > 0 ? [404, 422] : [...successesOf(operation), 403, 404, 409, 422];
}

function successesOf({ responses }: Operation): readonly number[] {
  return Object.keys(responses)
    .map(Number)
    .filter((status) => status < 300);
}

function scopeOf({ security = [] }: Operation): string | undefined {
  return security[0]?.account?.[0];
}

const uuids = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

function idsOf({ params, query, body }: Recipe): readonly string[] {
  return JSON.stringify([params ?? {}, query ?? {}, body ?? {}]).match(uuids) ?? [];
}

/** A problem may say which request it is about, and that path holds what was asked for. */
function withoutInstance(body: unknown): string {
  const problem = z.looseObject({ instance: z.string() }).safeParse(body);
  return JSON.stringify(problem.success ? { ...problem.data, instance: "" } : (body ?? null));
}
