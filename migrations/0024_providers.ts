// Other companies that deliver for us: how they are asked, which resource of theirs serves which distribution, and how far
// their statistics were taken over.
import type { Knex } from "knex";

export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable("provider", (table) => {
    table.text("name").primary().checkIn(["gcore", "tm_swift"]);
    table.boolean("is_enabled").notNullable();
    // What an operator set; the rest is as the provider documents it.
    table.jsonb("settings").notNullable();
    table.jsonb("credentials_sealed").notNullable();
    // Null: not looked at since the settings were changed.
    table.boolean("is_healthy");
    table.timestamp("checked_at");
    // In words, of the last look and of the last synchronisation.
    table.text("check_error");
    table.timestamp("synced_at");
    table.text("sync_error");
    table.uuid("updated_by").references("user.id");
    table.timestamp("created_at").notNullable();
    table.timestamp("updated_at").notNullable();
  });
  await knex.schema.createTable("provider_link", (table) => {
    table.uuid("id").primary();
    table.text("provider").notNullable().checkIn(["gcore", "tm_swift"]);
    // As the provider calls it: an id, or a domain.
    table.text("resource").notNullable();
    table.uuid("account_id").notNullable().references("account.id");
    table.uuid("distribution_id").notNullable().references("distribution.id");
    // What happened from then on, and before this, was the distribution's. Null: until further notice.
    table.timestamp("since").notNullable();
    table.timestamp("until");
    // All that happened before was taken over; null: nothing was.
    table.timestamp("synced_until");
    // When it was last taken over again from as far back as the provider revises.
    table.timestamp("revised_at");
    // In words, when the last synchronisation left it out.
    table.text("sync_error");
    table.uuid("created_by").references("user.id");
    table.timestamp("created_at").notNullable();
    table.index(["provider", "resource", "since"]);
    table.index(["distribution_id"]);
  });
  await knex.raw("create unique index provider_link_current on provider_link (provider, resource) where until is null");
  await knex.raw("create index provider_link_page on provider_link (provider, created_at, id)");
  // Of two answers of a provider, the one that was asked for later counts, whoever asked.
  await knex.raw("create sequence provider_pull as bigint");
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw("drop sequence provider_pull");
  await knex.schema.dropTable("provider_link");
  await knex.schema.dropTable("provider");
}
