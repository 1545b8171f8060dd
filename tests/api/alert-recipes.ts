// Requests with which an account's owner succeeds, for alerts and their history.
import { z } from "zod";
import type { Kitchen, MakeRecipe } from "./recipes.ts";

const withId = z.looseObject({ id: z.uuid() });

function alertBody(canary: string) {
  return {
    ...{ name: canary, description: canary },
    condition: { type: "threshold", metric: "requests", direction: "above", value: 1000, window_minutes: 5 },
    ...{ raise_after_minutes: 5, mail_in_charge: true, muted_until: "2026-05-01T00:00:00Z" },
  };
}

async function createAlert({ owner, canary }: Kitchen): Promise<string> {
  return (await owner.expect(201, withId, "POST", "/api/v1/alerts", alertBody(canary))).id;
}

const ofAlert: MakeRecipe = async (kitchen) => ({ params: { id: await createAlert(kitchen) } });

export const alertRecipes: Readonly<Record<string, MakeRecipe>> = {
  createAlert: async ({ canary }) => ({ body: alertBody(canary) }),
  listAlerts: async (kitchen) => {
    await createAlert(kitchen);
    return {};
  },
  getAlert: ofAlert,
  updateAlert: async (kitchen) => ({ ...(await ofAlert(kitchen)), body: { is_enabled: false } }),
  deleteAlert: ofAlert,
  testAlert: ofAlert,
  listAlertEvents: async (kitchen) => {
    const id = await createAlert(kitchen);
    await kitchen.owner.expect(202, withId, "POST", `/api/v1/alerts/${id}/test`);
    return { params: { id }, query: { kind: "tested" } };
  },
};
