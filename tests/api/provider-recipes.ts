// Requests with which an operator succeeds, for other companies that deliver and what is linked to their resources.
import { z } from "zod";
import type { Kitchen, MakeRecipe } from "./recipes.ts";

const withId = z.looseObject({ id: z.uuid() });

function settings(canary: string) {
  return { key_id: "6vE59B1z4p174N25", key_secret: "a-secret", customer_id: canary };
}

async function setUp({ owner, canary }: Kitchen): Promise<{ params: { name: string } }> {
  const path = "/api/v1/providers/tm_swift";
  await owner.expect(200, z.looseObject({ is_configured: z.literal(true) }), "PUT", path, settings(canary));
  return { params: { name: "tm_swift" } };
}

async function distributionOf({ owner, canary }: Kitchen): Promise<string> {
  const body = { domain: `${canary}-linked.example.com`, origin: { url: "http://origin.example.net:8080" } };
  return (await owner.expect(201, withId, "POST", "/api/v1/distributions", body)).id;
}

async function linked(kitchen: Kitchen): Promise<{ params: { name: string; resource: string } }> {
  const { params } = await setUp(kitchen);
  const resource = `${kitchen.canary}.example.com`;
  const body = { distribution_id: await distributionOf(kitchen) };
  await kitchen.owner.expect(200, withId, "PUT", `/api/v1/providers/${params.name}/links/${resource}`, body);
  return { params: { ...params, resource } };
}

export const providerRecipes: Readonly<Record<string, MakeRecipe>> = {
  listProviders: async (kitchen) => {
    await setUp(kitchen);
    return {};
  },
  getProvider: setUp,
  putProvider: async ({ canary }) => ({ params: { name: "tm_swift" }, body: settings(canary) }),
  listProviderLinks: async (kitchen) => {
    const { name, resource } = (await linked(kitchen)).params;
    return { params: { name }, query: { resource } };
  },
  putProviderLink: async (kitchen) => ({
    params: { ...(await setUp(kitchen)).params, resource: `${kitchen.canary}.example.com` },
    body: { distribution_id: await distributionOf(kitchen) },
  }),
  deleteProviderLink: linked,
};
