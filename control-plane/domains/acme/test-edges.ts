// An edge as the control plane knows it by its reports, for tests.
import { randomUUID } from "node:crypto";
import type { Database } from "../../database/transaction.ts";
import { capabilities } from "../edge-node/test-agent.ts";

export async function saveNodeProgress(
  db: Database,
  { scope, applied, now }: { scope: string; applied: number; now: Date },
): Promise<{ reach(rev: number, now: Date): Promise<void> }> {
  const id = randomUUID();
  const feed = await db("feed").first("feed_id");
  await db("edge_node").insert({
    ...{ id, group_id: scope, name: id, capabilities: JSON.stringify(capabilities), created_at: now },
    ...{ feed_id: feed.feed_id, applied, reported_at: now },
  });
  return {
    reach: async (rev, at) => {
      await db("edge_node").where({ id }).update({ applied: rev, reported_at: at });
    },
  };
}
