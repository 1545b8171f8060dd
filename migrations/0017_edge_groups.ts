// Edge groups as operators change them, with every state they were in; nodes that may be drained; distributions that are
// kept to some groups.
import type { Knex } from "knex";

const OF_A_GROUP = [
  ["edge_enrolment_token", "group_id", "edge_group.id"],
  ["feed_scope", "scope", "edge_group.id"],
  ["feed_record", "scope", "feed_scope.scope"],
  ["deployment", "scope", "edge_group.id"],
] as const;

async function reference(
  knex: Knex,
  { table, column, target, deletion }: { table: string; column: string; target: string; deletion: string },
): Promise<void> {
  await knex.schema.alterTable(table, (changed) => {
    changed.dropForeign(column);
    changed.foreign(column).references(target).onDelete(deletion);
  });
}

export async function up(knex: Knex): Promise<void> {
  // Out of the settings, so that there is one place to write it; the reference keeps a parent from being deleted.
  await knex.raw(`alter table edge_group
    add column parent_group_id uuid generated always as ((settings->>'parent_group_id')::uuid) stored
      references edge_group (id)`);
  await knex.schema.alterTable("edge_group", (table) => {
    table.index("parent_group_id");
    // The group that a new compiler's documents go to first.
    table.boolean("is_canary").notNullable().defaultTo(false);
    // The number of the newest row in edge_group_version.
    table.integer("configuration_version").notNullable().defaultTo(0);
  });
  await knex.raw("create unique index edge_group_canary on edge_group (is_canary) where is_canary");
  await knex.schema.createTable("edge_group_version", (table) => {
    table.uuid("group_id").notNullable().references("edge_group.id").onDelete("cascade");
    table.integer("number").notNullable();
    table.text("action").notNullable();
    // Nulls: the platform itself.
    table.uuid("user_id");
    table.uuid("api_token_id");
    table.timestamp("created_at").notNullable();
    // Name, settings and whether it is the canary.
    table.jsonb("configuration").notNullable();
    // Against the version before.
    table.jsonb("changes").notNullable();
    table.primary(["group_id", "number"]);
  });
  await knex.schema.alterTable("edge_node", (table) => {
    // Where the edges of child groups reach it; null: nobody told.
    table.text("address");
    table.text("state").notNullable().defaultTo("active").checkIn(["active", "draining", "maintenance"]);
    // Rises with each change of what other edges are told of it.
    table.bigInteger("version").notNullable().defaultTo(1);
  });
  // A group goes with all that its edges were told.
  for (const [table, column, target] of OF_A_GROUP)
    await reference(knex, { table, column, target, deletion: "cascade" });
  await knex.schema.alterTable("distribution", (table) => {
    // A list of ids; null: every group.
    table.jsonb("edge_group_ids");
  });
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.alterTable("distribution", (table) => table.dropColumn("edge_group_ids"));
  for (const [table, column, target] of OF_A_GROUP) {
    await reference(knex, { table, column, target, deletion: "no action" });
  }
  await knex.schema.alterTable("edge_node", (table) => {
    for (const column of ["address", "state", "version"]) table.dropColumn(column);
  });
  await knex.schema.dropTable("edge_group_version");
  await knex.schema.alterTable("edge_group", (table) => {
    for (const column of ["parent_group_id", "is_canary", "configuration_version"]) table.dropColumn(column);
  });
}
