// Whether browsers are told to come by HTTPS alone (RFC 6797).
import type { Knex } from "knex";

export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable("distribution", (table) => {
    // Null: they are told nothing.
    table.jsonb("hsts");
  });
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.alterTable("distribution", (table) => table.dropColumn("hsts"));
}
