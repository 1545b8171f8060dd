// Points of presence, their nodes and how a node enrols.
import type { Knex } from "knex";

export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable("edge_group", (table) => {
    table.uuid("id").primary();
    table.text("name").notNullable().unique();
    table.jsonb("settings").notNullable();
    // What every node of the group can do; null until the first one has said.
    table.jsonb("capabilities");
    table.bigInteger("version").notNullable().defaultTo(1);
    table.timestamp("created_at").notNullable().defaultTo(knex.fn.now());
    table.timestamp("updated_at").notNullable().defaultTo(knex.fn.now());
  });
  await knex.schema.createTable("edge_node", (table) => {
    table.uuid("id").primary();
    table.uuid("group_id").notNullable().references("edge_group.id").index();
    table.text("name").notNullable();
    table.jsonb("capabilities").notNullable();
    table.text("certificate_serial").notNullable();
    table.timestamp("certificate_not_after").notNullable();
    // The last report, as it came: what the edge runs and what it refused.
    table.jsonb("report");
    table.timestamp("reported_at");
    table.timestamp("created_at").notNullable().defaultTo(knex.fn.now());
    table.unique(["group_id", "name"]);
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
  await knex.schema.dropTable("edge_node");
  await knex.schema.dropTable("edge_group");
}
