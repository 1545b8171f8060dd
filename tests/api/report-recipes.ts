// Requests for reports with which the owner of a distribution succeeds.
import type { Kitchen, MakeRecipe } from "./recipes.ts";

export function reportRecipes(
  createDistribution: (kitchen: Kitchen) => Promise<string>,
): Readonly<Record<string, MakeRecipe>> {
  const ofDay = async (kitchen: Kitchen) => {
    const day = 24 * 60 * 60 * 1000;
    const to = new Date();
    return {
      distribution_id: await createDistribution(kitchen),
      from: new Date(to.getTime() - day).toISOString(),
      to: to.toISOString(),
    };
  };
  return {
    getTop: async (kitchen) => ({
      query: { by: "url", order_by: "bytes", limit: "5", ...(await ofDay(kitchen)) },
    }),
    getErrors: async (kitchen) => ({ query: { status: "5xx", limit: "5", ...(await ofDay(kitchen)) } }),
    // The stream ends after its first event.
    watchTraffic: async (kitchen) => ({ query: { distribution_id: await createDistribution(kitchen), seconds: "0" } }),
  };
}
