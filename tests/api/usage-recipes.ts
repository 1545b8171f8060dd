// Requests with which an account's owner or an operator succeeds, for usage and quotas.
import { z } from "zod";
import type { Kitchen, MakeRecipe } from "./recipes.ts";

function thisMonth(): string {
  return new Date().toISOString().slice(0, 7);
}

const quota = { requests: null, bytes: 10_000_000_000, cuts_off: false };

const ofQuota: MakeRecipe = async ({ owner }: Kitchen) => {
  await owner.expect(200, z.looseObject({}), "PUT", `/api/v1/platform/quotas/${owner.accountId}`, quota);
  return { params: { account_id: owner.accountId } };
};

export const usageRecipes: Readonly<Record<string, MakeRecipe>> = {
  listUsage: async () => ({ query: { limit: "2" } }),
  getUsage: async () => ({ params: { month: thisMonth() }, query: { by: "distribution" } }),
  listUsageOfAccounts: async () => ({ query: { month: thisMonth(), limit: "2" } }),
  getQuota: async () => ({}),
  listQuotas: async (kitchen) => {
    await ofQuota(kitchen);
    return { query: { limit: "2" } };
  },
  getQuotaOfAccount: ofQuota,
  setQuota: async ({ owner }) => ({ params: { account_id: owner.accountId }, body: quota }),
  deleteQuota: ofQuota,
};
