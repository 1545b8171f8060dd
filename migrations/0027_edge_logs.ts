// How far each edge is with sending its access log, and which lines are gone because they waited for too long.
import type { Knex } from "knex";

export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable("edge_node", (table) => {
    // When its oldest unsent line was written; null: all but the newest seconds has arrived.
    table.timestamp("log_behind_since");
  });
  await knex.raw(
    "create index edge_node_log_behind on edge_node (log_behind_since) where log_behind_since is not null",
  );
  // Stays when the node goes: its traffic is reported on.
  await knex.schema.createTable("edge_log_loss", (table) => {
    table.uuid("edge_id").notNullable();
    table.timestamp("lost_at").notNullable();
    // When the first and the last of the lines were written.
    table.timestamp("written_from").notNullable();
    table.timestamp("written_to").notNullable().index();
    table.bigInteger("lines").notNullable();
    table.primary(["edge_id", "lost_at"]);
  });
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable("edge_log_loss");
  await knex.schema.alterTable("edge_node", (table) => {
    table.dropColumn("log_behind_since");
  });
}
