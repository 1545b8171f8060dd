// Requests with which the owner succeeds, for rules of every kind and for cache policies.
import { randomBytes } from "node:crypto";
import { z } from "zod";
import { ruleKinds } from "../../control-plane/domains/rule/index.ts";
import type { Person } from "./world.ts";

interface Owned {
  readonly owner: Person;
  /** A text that stands in what the recipe makes. */
  readonly canary: string;
}

interface Made {
  readonly params?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

type Make<Kitchen> = (kitchen: Kitchen) => Promise<Made>;

const withId = z.looseObject({ id: z.uuid() });

export function ruleRecipes<Kitchen extends Owned>(
  createDistribution: (kitchen: Kitchen) => Promise<string>,
): Readonly<Record<string, Make<Kitchen>>> {
  const ofEveryKind = Object.values(ruleKinds).map(({ operation, path, example }) => {
    const bodyOf = ({ canary }: Kitchen) => ({ ...example, description: canary });
    const ofDistribution = async (kitchen: Kitchen) => ({ id: await createDistribution(kitchen) });
    const ofRule = async (kitchen: Kitchen) => {
      const { id } = await ofDistribution(kitchen);
      const place = `/api/v1/distributions/${id}/${path}`;
      const rule = await kitchen.owner.expect(201, withId, "POST", place, bodyOf(kitchen));
      return { id, rule_id: rule.id };
    };
    const recipes: Record<string, Make<Kitchen>> = {
      [`create${operation}`]: async (kitchen) => ({ params: await ofDistribution(kitchen), body: bodyOf(kitchen) }),
      [`list${operation}s`]: async (kitchen) => ({ params: { id: (await ofRule(kitchen)).id } }),
      [`replace${operation}s`]: async (kitchen) => {
        const { id, rule_id: ruleId } = await ofRule(kitchen);
        return { params: { id }, body: { data: [{ ...bodyOf(kitchen), id: ruleId }] } };
      },
      [`get${operation}`]: async (kitchen) => ({ params: await ofRule(kitchen) }),
      [`update${operation}`]: async (kitchen) => ({ params: await ofRule(kitchen), body: { description: "changed" } }),
      [`delete${operation}`]: async (kitchen) => ({ params: await ofRule(kitchen) }),
    };
    return recipes;
  });
  return Object.assign({}, ...ofEveryKind, policyRecipes());
}

function policyRecipes<Kitchen extends Owned>(): Readonly<Record<string, Make<Kitchen>>> {
  const rule = ruleKinds.cache_rule.example;
  const bodyOf = (description: string) => ({
    name: `policy ${randomBytes(6).toString("hex")}`,
    description,
    rules: [rule],
  });
  const ofPolicy = async ({ owner, canary }: Kitchen) => {
    const { id } = await owner.expect(201, withId, "POST", "/api/v1/cache-policies", bodyOf(canary));
    return { params: { id } };
  };
  return {
    createCachePolicy: async () => ({ body: bodyOf("") }),
    listCachePolicies: async (kitchen) => {
      await ofPolicy(kitchen);
      return {};
    },
    getCachePolicy: ofPolicy,
    updateCachePolicy: async (kitchen) => ({ ...(await ofPolicy(kitchen)), body: { description: "changed" } }),
    deleteCachePolicy: ofPolicy,
  };
}
