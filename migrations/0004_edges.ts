// Points of presence, their nodes and how a node enrols.
import type { Knex } from "knex";

export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable("edge_group", (table) => {
    table.uuid("id").primary();
    table.text("name").notNullable().unique();
    table.jsonb("settings").notNullable();
    // What every node of the group can do; null until the first one has said.
    table.jsonb("capabilities");
    // Rises with each change of anything that the group's nginx files are rendered from.
    table.bigInteger("version").notNullable().defaultTo(1);
    table.timestamp("created_at").notNullable().defaultTo(knex.fn.now());
    table.timestamp("updated_at").notNullable().defaultTo(knex.fn.now());
  });
  await knex.schema.createTable("edge_node", (table) => {
    table.uuid("id").primary();
    table.uuid("group_id").notNullable().references("edge_group.id").index();
    table.text("name").notNullable();
    table.jsonb("capabilities").notNullable();
    // The last report, as it came: what the edge runs and what it refused.
    table.jsonb("report");
    // Of the report, what is compared for every deployment: how far the edge is in which feed.
    table.uuid("feed_id");
    table.bigInteger("applied").notNullable().defaultTo(0);
    table.timestamp("reported_at");
    table.timestamp("created_at").notNullable().defaultTo(knex.fn.now());
    table.unique(["group_id", "name"]);
  });
  // The certificates that a node may show now: the newest, and the one before it for a while after a renewal.
  await knex.schema.createTable("edge_certificate", (table) => {
    table.text("serial").primary();
    table.uuid("edge_id").notNullable().references("edge_node.id").onDelete("cascade").index();
    table.timestamp("usable_until").notNullable();
    table.timestamp("created_at").notNullable().defaultTo(knex.fn.now());
  });
  await knex.schema.createTable("edge_enrolment_token", (table) => {
    table.text("token_hash").primary();
    table.uuid("group_id").notNullable().references("edge_group.id");
    table.timestamp("expires_at").notNullable();
    table.timestamp("used_at");
    table.timestamp("created_at").notNullable().defaultTo(knex.fn.now());
  });
  // Secrets of the platform itself, sealed with the master key: the edges' certificate authority and the like.
  await knex.schema.createTable("platform_secret", (table) => {
    table.text("name").primary();
    table.jsonb("sealed").notNullable();
    table.timestamp("created_at").notNullable().defaultTo(knex.fn.now());
  });
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable("platform_secret");
  await knex.schema.dropTable("edge_enrolment_token");
  await knex.schema.dropTable("edge_certificate");
  await knex.schema.dropTable("edge_node");
  await knex.schema.dropTable("edge_group");
}
