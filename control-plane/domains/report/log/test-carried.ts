// Distributions that the edges of a group carry, as the compiler would have left them. Tests only.
import { randomUUID } from "node:crypto";
import type { Database } from "../../../database/transaction.ts";

/** The group logs one request in 40, and logged one in 20 before. */
export async function insertSamplingGroup(db: Database): Promise<string> {
  const id = randomUUID();
  await db("edge_group").insert({ id, name: id, settings: JSON.stringify({ logs: { one_in: 40 } }) });
  const configuration = JSON.stringify({ name: id, settings: { logs: { one_in: 20 } }, is_canary: false });
  await db("edge_group_version").insert({
    ...{ group_id: id, number: 1, action: "edge-group.create", created_at: new Date(), configuration, changes: "[]" },
  });
  await db("feed_scope")
    .insert({ scope: id, state_hash: "0".repeat(64) })
    .onConflict()
    .ignore();
  return id;
}

export async function carry(db: Database, scope: string, distributionIds: readonly string[]): Promise<void> {
  const rows = distributionIds.map((distribution_id) => ({
    ...{ distribution_id, scope, rev: 1, source_version: 1, state: "active" },
  }));
  await db("deployment").insert(rows);
}
