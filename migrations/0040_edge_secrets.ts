// Secrets on their way to edges: whose key each node has, and which distribution needs which secret in which group.
import type { Knex } from "knex";

export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable("edge_node", (table) => {
    // SPKI PEM, of its newest certificate. Null: enrolled by an earlier release; its next renewal says it.
    table.text("public_key");
  });
  await knex.schema.createTable("edge_secret_use", (table) => {
    table.uuid("scope").notNullable().references("edge_group.id");
    table.uuid("secret_id").notNullable();
    table.uuid("distribution_id").notNullable().references("distribution.id").index();
    table.primary(["scope", "secret_id", "distribution_id"]);
  });
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable("edge_secret_use");
  await knex.schema.alterTable("edge_node", (table) => table.dropColumn("public_key"));
}
