// Alerts: what accounts want to be told of, how each of them stands, and its history.
import type { Knex } from "knex";

export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable("alert", (table) => {
    table.uuid("id").primary();
    table.uuid("account_id").notNullable().references("account.id");
    // Null: all that the account has.
    table.uuid("distribution_id").references("distribution.id");
    table.text("name").notNullable();
    table.text("description").notNullable();
    table.jsonb("condition").notNullable();
    table.integer("raise_after_minutes").notNullable();
    table.integer("resolve_after_minutes").notNullable();
    table.boolean("mail_in_charge").notNullable();
    // Ids of users; whoever has left the account gets nothing.
    table.jsonb("mail_members").notNullable();
    table.timestamp("muted_until");
    table.boolean("is_enabled").notNullable();
    // In words, when the platform disabled it.
    table.text("disabled_reason");
    // How it stands, as of `judged_until`: null until it was judged once.
    table.text("status").notNullable().checkIn(["ok", "pending", "raised"]);
    table.timestamp("since").notNullable();
    table.timestamp("holding_since");
    table.timestamp("clear_since");
    table.timestamp("judged_until");
    table.double("value");
    table.text("reason");
    // The certificates that it was raised for.
    table.jsonb("covered").notNullable();
    // Whether the last that people and programs were told is that it is raised.
    table.boolean("is_told").notNullable();
    table.uuid("created_by").references("user.id");
    table.uuid("updated_by").references("user.id");
    table.timestamp("created_at").notNullable();
    table.timestamp("updated_at").notNullable();
  });
  await knex.raw("create index alert_page on alert (account_id, created_at, id)");
  await knex.raw("create index alert_judged on alert (id) where is_enabled");
  // Judged every minute: none of the columns that this changes is in an index, so rows are updated in their page.
  await knex.raw("alter table alert set (fillfactor = 60)");
  await knex.schema.createTable("alert_event", (table) => {
    table.uuid("id").primary();
    table.uuid("alert_id").notNullable().references("alert.id").onDelete("CASCADE");
    table.uuid("account_id").notNullable().references("account.id");
    table.text("kind").notNullable().checkIn(["raised", "resolved", "tested"]);
    table.double("value");
    table.text("reason").notNullable();
    table.boolean("is_muted").notNullable();
    // The end of the window that was judged.
    table.timestamp("at").notNullable();
    table.timestamp("created_at").notNullable();
  });
  await knex.raw("create index alert_event_page on alert_event (alert_id, created_at, id)");
  await knex.raw("create index alert_event_tests on alert_event (account_id, created_at) where kind = 'tested'");
  await knex.raw("create index alert_event_age on alert_event (created_at)");
  await knex.schema.alterTable("notification", (table) => {
    // Who gets letters of it; null: the owners and admins.
    table.jsonb("recipients");
    // Whether people should not wait long for it.
    table.boolean("is_urgent").notNullable().defaultTo(false);
  });
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.alterTable("notification", (table) => {
    table.dropColumn("recipients");
    table.dropColumn("is_urgent");
  });
  await knex.schema.dropTable("alert_event");
  await knex.schema.dropTable("alert");
}
