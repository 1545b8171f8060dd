// For every operation of the API, a request with which the owner succeeds: ids that exist, a body that is accepted.
import { randomBytes } from "node:crypto";
import { z } from "zod";
import { alertRecipes } from "./alert-recipes.ts";
import { certificateRecipes } from "./certificate-recipes.ts";
import { edgeRecipes } from "./edge-recipes.ts";
import { peopleRecipes } from "./people-recipes.ts";
import { providerRecipes } from "./provider-recipes.ts";
import { reportRecipes } from "./report-recipes.ts";
import { ruleRecipes } from "./rule-recipes.ts";
import { usageRecipes } from "./usage-recipes.ts";
import { webhookRecipes } from "./webhook-recipes.ts";
import type { ApiWorld, Operation, Person } from "./world.ts";

export interface Recipe {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** Whose it is: the account's owner, or the operator for what only operators do. */
export interface Kitchen {
  readonly world: ApiWorld;
  readonly owner: Person;
  /** A text that stands in what the recipe makes: whoever must not see that must not see this. */
  readonly canary: string;
}

export type MakeRecipe = (kitchen: Kitchen) => Promise<Recipe>;

const withId = z.looseObject({ id: z.uuid() });

async function createDistribution({ owner, canary }: Kitchen): Promise<string> {
  const body = distributionBody(canary);
  return (await owner.expect(201, withId, "POST", "/api/v1/distributions", body)).id;
}

/** Nothing in it looks like an id. */
function domainName(): string {
  return `d${randomBytes(8).toString("hex")}.example.com`;
}

function distributionBody(canary: string) {
  return {
    domain: domainName(),
    label: canary,
    description: canary,
    origin: { url: "http://origin.example.net:8080", label: canary },
  };
}

const ofDistribution: MakeRecipe = async (kitchen) => ({ params: { id: await createDistribution(kitchen) } });

async function ofOrigin(kitchen: Kitchen): Promise<{ params: { id: string; origin_id: string } }> {
  const id = await createDistribution(kitchen);
  const body = { url: "http://second.example.net:8081", label: kitchen.canary };
  const origin = await kitchen.owner.expect(201, withId, "POST", `/api/v1/distributions/${id}/origins`, body);
  return { params: { id, origin_id: origin.id } };
}

async function ofPurge(kitchen: Kitchen): Promise<{ params: { id: string; purge_id: string } }> {
  const id = await createDistribution(kitchen);
  const body = { tags: [kitchen.canary] };
  const purge = await kitchen.owner.expect(202, withId, "POST", `/api/v1/distributions/${id}/purges`, body);
  return { params: { id, purge_id: purge.id } };
}

async function withVersions(kitchen: Kitchen): Promise<string> {
  const id = await createDistribution(kitchen);
  await kitchen.owner.expect(200, withId, "PATCH", `/api/v1/distributions/${id}`, { description: "changed" });
  return id;
}

function lastDay() {
  const to = new Date();
  const from = new Date(to.getTime() - 24 * 60 * 60 * 1000);
  return { from: from.toISOString(), to: to.toISOString(), interval: "hour", metrics: "requests", group_by: "status" };
}

const recipes: Readonly<Record<string, MakeRecipe>> = {
  ...peopleRecipes,
  ...edgeRecipes,
  ...certificateRecipes,
  ...webhookRecipes,
  ...providerRecipes,
  ...usageRecipes,
  ...alertRecipes,
  getTraffic: async (kitchen) => ({
    query: { distribution_id: await createDistribution(kitchen), ...lastDay(), timezone: "Asia/Kolkata", limit: "3" },
  }),
  getPlatformTraffic: async ({ owner }) => ({ query: { account_id: owner.accountId, ...lastDay() } }),
  listDistributions: async (kitchen) => {
    await createDistribution(kitchen);
    return { query: { sort: "label", search: kitchen.canary } };
  },
  createDistribution: async ({ canary }) => ({ body: distributionBody(canary) }),
  getDistribution: ofDistribution,
  updateDistribution: async (kitchen) => ({ ...(await ofDistribution(kitchen)), body: { label: "Changed" } }),
  deleteDistribution: ofDistribution,
  enableDistribution: ofDistribution,
  disableDistribution: ofDistribution,
  cloneDistribution: async (kitchen) => ({
    ...(await ofDistribution(kitchen)),
    body: { domain: domainName() },
  }),
  getValidation: ofDistribution,
  validateDistribution: ofDistribution,
  getDeployment: ofDistribution,
  listOrigins: ofDistribution,
  createOrigin: async (kitchen) => ({ ...(await ofDistribution(kitchen)), body: { url: "http://third.example.net" } }),
  getOrigin: ofOrigin,
  updateOrigin: async (kitchen) => ({ ...(await ofOrigin(kitchen)), body: { weight: 7 } }),
  deleteOrigin: ofOrigin,
  listVersions: ofDistribution,
  getVersion: async (kitchen) => ({ params: { id: await withVersions(kitchen), number: "1" } }),
  compareVersions: async (kitchen) => ({
    params: { id: await withVersions(kitchen), number: "2" },
    query: { against: "1" },
  }),
  rollBackDistribution: async (kitchen) => ({ params: { id: await withVersions(kitchen) }, body: { version: 1 } }),
  createPurge: async (kitchen) => ({ ...(await ofDistribution(kitchen)), body: { tags: [kitchen.canary] } }),
  listPurges: async (kitchen) => ({ params: { id: (await ofPurge(kitchen)).params.id } }),
  getPurge: ofPurge,
  createPrefetch: async (kitchen) => ({ ...(await ofDistribution(kitchen)), body: { urls: ["/index.html"] } }),
  ...ruleRecipes(createDistribution),
  ...reportRecipes(createDistribution),
};

export function hasRecipe({ operationId }: Operation): boolean {
  return operationId in recipes;
}

export async function recipeFor({ operationId }: Operation, kitchen: Kitchen): Promise<Recipe> {
  const make = recipes[operationId];
  if (make === undefined) throw new Error(`${operationId} has no recipe: add one, so that its isolation is tested`);
  return make(kitchen);
}

export function pathOf({ path }: Operation, { params = {}, query = {} }: Recipe): string {
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(params[name] ?? `missing-${name}`),
  );
  const search = new URLSearchParams(query).toString();
  return search === "" ? filled : `${filled}?${search}`;
}

/** Some people and accounts are not the same afterwards: those of other operations must not be theirs. */
export function changesPeople({ path }: Operation): boolean {
  return !/^\/api\/v1\/(distributions|certificates|providers|cache-policies|alerts|reports|usage|quota|platform\/reports|edge|deployment-rollouts|points-of-presence)/.test(
    path,
  );
}
