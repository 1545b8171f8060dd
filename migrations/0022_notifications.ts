// What accounts are told: by letter to those in charge, and to the webhooks that they have set up.
import type { Knex } from "knex";

export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable("notification", (table) => {
    table.uuid("id").primary();
    table.uuid("account_id").notNullable().references("account.id");
    table.text("event").notNullable();
    table.text("subject").notNullable();
    table.text("body").notNullable();
    // What programs read of it.
    table.jsonb("details").notNullable();
    // What is said once says by what: another notification with it is none. Null: it may be said again.
    table.text("once");
    table.timestamp("created_at").notNullable();
    // When it was made into deliveries, in one transaction with those.
    table.timestamp("told_at");
    // Whether people are told, too, and when the letter was written, by itself or with others.
    table.boolean("wants_letter").notNullable();
    table.timestamp("lettered_at");
    table.unique(["account_id", "once"]);
    table.index(["account_id", "lettered_at"]);
  });
  await knex.raw(
    "create index notification_unwritten on notification (account_id, created_at) where wants_letter and lettered_at is null",
  );
  await knex.raw("create index notification_age on notification (created_at)");
  await knex.raw("create index certificate_expiry on certificate (not_after) where deleted_at is null");
  await knex.schema.createTable("webhook", (table) => {
    table.uuid("id").primary();
    table.uuid("account_id").notNullable().references("account.id");
    table.text("url").notNullable();
    table.text("description").notNullable();
    // Names of events, or `*`.
    table.jsonb("events").notNullable();
    table.boolean("is_enabled").notNullable();
    // In words, when the platform disabled it.
    table.text("disabled_reason");
    table.jsonb("sealed").notNullable();
    // The secret before, which signs beside the new one until its time is over.
    table.jsonb("previous_sealed");
    table.timestamp("previous_until");
    // The first of the failures since the last success.
    table.timestamp("failing_since");
    table.uuid("created_by").references("user.id");
    table.uuid("updated_by").references("user.id");
    table.timestamp("created_at").notNullable();
    table.timestamp("updated_at").notNullable();
  });
  await knex.raw("create index webhook_page on webhook (account_id, created_at, id)");
  await knex.schema.createTable("webhook_delivery", (table) => {
    table.uuid("id").primary();
    table.uuid("webhook_id").notNullable().references("webhook.id").onDelete("CASCADE");
    table.uuid("account_id").notNullable().references("account.id");
    table.text("event").notNullable();
    // The very bytes that are signed, each time.
    table.text("body").notNullable();
    table.text("status").notNullable().checkIn(["pending", "delivered", "failed"]);
    // What happened each time, the latest last.
    table.jsonb("attempts").notNullable();
    // Null: it is over.
    table.timestamp("next_attempt_at");
    // Until when the process that sends it now is believed to live.
    table.timestamp("claimed_until");
    table.timestamp("created_at").notNullable();
    table.timestamp("finished_at");
  });
  await knex.raw(
    "create index webhook_delivery_due on webhook_delivery (next_attempt_at) where next_attempt_at is not null",
  );
  await knex.raw(
    "create index webhook_delivery_claimed on webhook_delivery (account_id, claimed_until) where claimed_until is not null",
  );
  await knex.raw(
    "create index webhook_delivery_waiting on webhook_delivery (webhook_id) where next_attempt_at is not null",
  );
  await knex.raw("create index webhook_delivery_page on webhook_delivery (webhook_id, created_at, id)");
  await knex.raw("create index webhook_delivery_age on webhook_delivery (created_at)");
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable("webhook_delivery");
  await knex.schema.dropTable("webhook");
  await knex.raw("drop index certificate_expiry");
  await knex.schema.dropTable("notification");
}
