// Requests with which an operator succeeds, for groups of edges, their nodes and the rollouts to them.
import { randomInt, randomUUID } from "node:crypto";
import { z } from "zod";
import type { Kitchen, MakeRecipe } from "./recipes.ts";

const withId = z.looseObject({ id: z.uuid() });

async function createGroup({ owner, canary }: Kitchen): Promise<string> {
  return (await owner.expect(201, withId, "POST", "/api/v1/edge-groups", { name: canary })).id;
}

const ofGroup: MakeRecipe = async (kitchen) => ({ params: { id: await createGroup(kitchen) } });

/** As if it had enrolled. */
async function insertEdge(kitchen: Kitchen): Promise<string> {
  const id = randomUUID();
  const capabilities = { nginx: "1.26.3", http3: true, http2_directive: true, balancer_keepalive: true, brotli: true };
  await kitchen.world.db("edge_node").insert({
    ...{ id, group_id: await createGroup(kitchen), name: kitchen.canary },
    capabilities: JSON.stringify(capabilities),
  });
  return id;
}

const ofEdge: MakeRecipe = async (kitchen) => ({ params: { id: await insertEdge(kitchen) } });

/** As if a new compiler had come. */
const ofRollout: MakeRecipe = async ({ world, canary }) => {
  const id = randomUUID();
  await world.db("deployment_rollout").insert({
    ...{ id, compiler_version: randomInt(2 ** 31 - 1), state: "stopped", reason: canary },
    ...{ refused_before: "[]", created_at: new Date() },
  });
  return { params: { id } };
};

export const edgeRecipes: Readonly<Record<string, MakeRecipe>> = {
  createEdgeGroup: async ({ canary }) => ({ body: { name: canary, settings: { cache: { zone_mb: 32 } } } }),
  listEdgeGroups: async (kitchen) => {
    await createGroup(kitchen);
    return {};
  },
  getEdgeGroup: ofGroup,
  updateEdgeGroup: async (kitchen) => ({ ...(await ofGroup(kitchen)), body: { settings: { workers: { count: 2 } } } }),
  deleteEdgeGroup: ofGroup,
  vacateEdgeGroup: async (kitchen) => {
    const { id } = await kitchen.owner.expect(201, withId, "POST", "/api/v1/edge-groups", { name: randomUUID() });
    return { ...(await ofGroup(kitchen)), body: { to_group_id: id } };
  },
  listEdgeGroupVersions: ofGroup,
  rollBackEdgeGroup: async (kitchen) => ({ ...(await ofGroup(kitchen)), body: { version: 1 } }),
  listPointsOfPresence: async () => ({}),
  createEnrolmentToken: ofGroup,
  listEdges: async (kitchen) => ({ query: { group_id: await createGroup(kitchen) } }),
  getEdge: ofEdge,
  updateEdge: async (kitchen) => ({ ...(await ofEdge(kitchen)), body: { state: "draining", address: "203.0.113.5" } }),
  deleteEdge: ofEdge,
  listDeploymentRollouts: async (kitchen) => {
    await ofRollout(kitchen);
    return {};
  },
  getDeploymentRollout: ofRollout,
  continueDeploymentRollout: ofRollout,
  stopDeploymentRollout: ofRollout,
};
