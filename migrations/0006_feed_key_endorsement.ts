// A feed key that takes over from another one carries the former's signature: enrolled edges accept it by that alone.
import type { Knex } from "knex";

export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable("feed_key", (table) => {
    // `former key's id:base64`; null for a key that nobody handed over to.
    table.text("endorsement");
  });
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.alterTable("feed_key", (table) => {
    table.dropColumn("endorsement");
  });
}
