// How a new compiler's work reaches the edges: one group first, then, when that went well, the others.
import type { Knex } from "knex";

export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable("deployment_rollout", (table) => {
    table.uuid("id").primary();
    table.integer("compiler_version").notNullable().unique();
    // The canary. Null: it was deleted meanwhile.
    table.uuid("group_id").references("edge_group.id").onDelete("set null");
    table.text("state").notNullable().checkIn(["canary", "stopped", "spreading", "done", "superseded"]);
    table.text("reason");
    // What the canary's edges refused before: distributions, and edges that refused the nginx files.
    table.jsonb("refused_before").notNullable();
    // How many more they refuse since.
    table.integer("refused").notNullable().defaultTo(0);
    // The revision of the canary's feed that holds all of it; null until everything was compiled.
    table.bigInteger("compiled_rev");
    // Since when its live edges have all of it, with no further refusal.
    table.timestamp("quiet_since");
    table.timestamp("created_at").notNullable();
    table.timestamp("finished_at");
  });
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable("deployment_rollout");
}
