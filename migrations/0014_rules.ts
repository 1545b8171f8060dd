// The rules of a distribution, and lists of cache rules that an account's distributions share.
import type { Knex } from "knex";

export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable("rule", (table) => {
    table.uuid("id").primary();
    table.uuid("distribution_id").notNullable().references("distribution.id");
    table.uuid("account_id").notNullable().references("account.id");
    table.text("kind").notNullable().checkIn(["cache_rule", "header_rule", "redirect", "access_rule", "rate_limit"]);
    // From 1, without gaps, among the rules of its kind.
    table.integer("position").notNullable();
    table.jsonb("body").notNullable();
    table.uuid("created_by").references("user.id");
    table.uuid("updated_by").references("user.id");
    table.timestamp("created_at").notNullable();
    table.timestamp("updated_at").notNullable();
  });
  // Looked at when the transaction ends: a whole list changes places at once.
  await knex.raw(`alter table rule add constraint rule_place_unique
    unique (distribution_id, kind, position) deferrable initially deferred`);

  await knex.schema.createTable("cache_policy", (table) => {
    table.uuid("id").primary();
    table.uuid("account_id").notNullable().references("account.id");
    table.text("name").notNullable();
    table.text("description").notNullable();
    table.jsonb("rules").notNullable();
    table.uuid("created_by").references("user.id");
    table.uuid("updated_by").references("user.id");
    table.timestamp("created_at").notNullable();
    table.timestamp("updated_at").notNullable();
  });
  await knex.raw("create unique index cache_policy_name_unique on cache_policy (account_id, lower(name))");
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable("cache_policy");
  await knex.schema.dropTable("rule");
}
