// Secrets of customers, and the keys that sign the tokens of people. Every jsonb column called `sealed` is wrapped anew when
// the master key rotates (control-plane/database/sealed-columns.ts).
import type { Knex } from "knex";

export async function up(knex: Knex): Promise<void> {
  // A configuration refers to a secret by its id, so that no version of it holds one. Another value is another row.
  await knex.schema.createTable("secret", (table) => {
    table.uuid("id").primary();
    table.uuid("account_id").notNullable().references("account.id").index();
    table.text("purpose").notNullable();
    table.jsonb("sealed").notNullable();
    table.timestamp("created_at").notNullable().defaultTo(knex.fn.now());
  });
  await knex.schema.createTable("signing_key", (table) => {
    table.uuid("kid").primary();
    table.jsonb("sealed").notNullable();
    table.timestamp("created_at").notNullable().defaultTo(knex.fn.now());
  });
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable("signing_key");
  await knex.schema.dropTable("secret");
}
