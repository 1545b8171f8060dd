// Requests with which an account's owner succeeds, for webhooks and their deliveries.
import { z } from "zod";
import type { Kitchen, MakeRecipe } from "./recipes.ts";

const withId = z.looseObject({ id: z.uuid() });

function webhookBody(canary: string) {
  return { url: `https://hooks.example.com/${canary}`, description: canary, events: ["certificate.expiring"] };
}

async function createWebhook({ owner, canary }: Kitchen): Promise<string> {
  return (await owner.expect(201, withId, "POST", "/api/v1/webhooks", webhookBody(canary))).id;
}

const ofWebhook: MakeRecipe = async (kitchen) => ({ params: { id: await createWebhook(kitchen) } });

async function ofDelivery(kitchen: Kitchen): Promise<{ params: { id: string; delivery_id: string } }> {
  const id = await createWebhook(kitchen);
  const delivery = await kitchen.owner.expect(202, withId, "POST", `/api/v1/webhooks/${id}/test`);
  return { params: { id, delivery_id: delivery.id } };
}

export const webhookRecipes: Readonly<Record<string, MakeRecipe>> = {
  createWebhook: async ({ canary }) => ({ body: webhookBody(canary) }),
  listWebhooks: async (kitchen) => {
    await createWebhook(kitchen);
    return {};
  },
  getWebhook: ofWebhook,
  updateWebhook: async (kitchen) => ({ ...(await ofWebhook(kitchen)), body: { is_enabled: false } }),
  deleteWebhook: ofWebhook,
  rotateWebhookSecret: async (kitchen) => ({ ...(await ofWebhook(kitchen)), body: { overlap_hours: 1 } }),
  testWebhook: ofWebhook,
  listWebhookDeliveries: async (kitchen) => ({ params: { id: (await ofDelivery(kitchen)).params.id } }),
  getWebhookDelivery: ofDelivery,
};
