// Domains (claims on names), distributions and their origins.
import type { Knex } from "knex";

export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable("domain", (table) => {
    table.uuid("id").primary();
    table.uuid("account_id").notNullable().references("account.id").index();
    table.text("name").notNullable();
    // Of several accounts that claim a name, one serves it.
    table.boolean("is_serving").notNullable();
    table.timestamp("created_at").notNullable().defaultTo(knex.fn.now());
  });
  await knex.raw("create unique index domain_serving_unique on domain (name) where is_serving");
  await knex.raw("create unique index domain_claim_unique on domain (account_id, name)");

  await knex.schema.createTable("distribution", (table) => {
    table.uuid("id").primary();
    table.uuid("account_id").notNullable().references("account.id");
    table.uuid("domain_id").references("domain.id").onDelete("set null").unique();
    table.text("domain").notNullable();
    table.text("domain_type").notNullable().checkIn(["custom", "subdomain"]);
    table.text("label").notNullable();
    table.text("description").notNullable().defaultTo("");
    table.text("cdn_type").notNullable().checkIn(["gotipath", "gcore", "tm_swift", "multi"]);
    table.text("acceleration_type").notNullable().checkIn(["static", "media", "livestream", "diy"]);
    table.text("origin_type").notNullable().checkIn(["custom", "s3"]);
    table.text("host_header").notNullable();
    table.text("sni").notNullable();
    table.boolean("is_http2").notNullable();
    table.boolean("is_http3").notNullable();
    table.boolean("enable_ssl").notNullable();
    table.boolean("is_livestream").notNullable();
    table.boolean("is_redirect_http_to_https").notNullable();
    table.text("cname").notNullable().unique();
    table
      .text("status")
      .notNullable()
      .checkIn(["pending", "deploying", "active", "failed", "disabled", "deleting", "deleted"]);
    table.text("status_reason");
    // Rises with each change of anything that the distribution's document is compiled from.
    table.bigInteger("version").notNullable().defaultTo(1);
    table.uuid("created_by").references("user.id");
    table.uuid("updated_by").references("user.id");
    table.timestamp("created_at").notNullable().defaultTo(knex.fn.now());
    table.timestamp("updated_at").notNullable().defaultTo(knex.fn.now());
    table.timestamp("deleted_at");
    table.timestamp("gotipath_deleted_at");
  });
  await knex.raw(
    "create index distribution_listed on distribution (account_id, created_at desc, id desc) where deleted_at is null",
  );

  await knex.schema.createTable("origin", (table) => {
    table.uuid("id").primary();
    table.uuid("distribution_id").notNullable().references("distribution.id").index();
    table.uuid("account_id").notNullable().references("account.id");
    table.text("label").notNullable();
    table.text("url").notNullable();
    table.text("type").notNullable().checkIn(["custom", "s3"]);
    table.text("load_balancer_type").notNullable().checkIn(["failover", "round_robin", "weighted", "consistent_hash"]);
    table.text("protocol").notNullable().checkIn(["http", "https"]);
    table.integer("port").notNullable();
    table.boolean("is_primary").notNullable();
    table.integer("weight").notNullable();
    table.text("host_header").notNullable();
    table.uuid("created_by").references("user.id");
    table.uuid("updated_by").references("user.id");
    table.timestamp("created_at").notNullable().defaultTo(knex.fn.now());
    table.timestamp("updated_at").notNullable().defaultTo(knex.fn.now());
    table.timestamp("gotipath_deleted_at");
  });
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable("origin");
  await knex.schema.dropTable("distribution");
  await knex.schema.dropTable("domain");
}
