// What accounts have used, month by month, and how much they may.
import type { Knex } from "knex";

const MONTH = "^20[0-9]{2}-(0[1-9]|1[0-2])$";

export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable("usage_month", (table) => {
    table.uuid("account_id").notNullable().references("account.id");
    // In UTC, such as 2026-11.
    table.text("month").notNullable().checkRegex(MONTH);
    table.jsonb("figures").notNullable();
    table.jsonb("days").notNullable();
    table.jsonb("distributions").notNullable();
    table.timestamp("closed_at").notNullable();
    table.primary(["account_id", "month"]);
    table.index(["month", "account_id"]);
  });
  // What an invoice was made from does not change afterwards, whoever tries.
  await knex.raw(`create trigger usage_month_only_added before update or delete or truncate on usage_month
    for each statement execute function refuse_change()`);
  // A month is in it once every account's figures are.
  await knex.schema.createTable("usage_closing", (table) => {
    table.text("month").primary().checkRegex(MONTH);
    table.timestamp("closed_at").notNullable();
  });
  // Where each edge stood when it was last looked at: of one that is gone, where it stood at last.
  await knex.schema.createTable("usage_edge", (table) => {
    // No reference: it outlives the edge.
    table.uuid("edge_id").primary();
    table.text("region").notNullable();
  });
  // Of a month; null: as much as they like. Accounts without a row have what their owner's role brings.
  await knex.schema.createTable("usage_quota", (table) => {
    table.uuid("account_id").primary().references("account.id");
    table.bigInteger("requests").checkPositive();
    table.bigInteger("bytes").checkPositive();
    table.boolean("cuts_off").notNullable();
    table.uuid("updated_by").references("user.id");
    table.timestamp("created_at").notNullable();
    table.timestamp("updated_at").notNullable();
  });
  await knex.schema.alterTable("account", (table) => {
    // Since when its distributions answer 503 because it is over its quota; null: they do not.
    table.timestamp("cut_off_at");
  });
  await knex.raw("create index account_cut_off on account (id) where cut_off_at is not null");
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.alterTable("account", (table) => {
    table.dropColumn("cut_off_at");
  });
  for (const table of ["usage_quota", "usage_edge", "usage_closing", "usage_month"]) await knex.schema.dropTable(table);
}
