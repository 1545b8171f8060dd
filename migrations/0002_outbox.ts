// Effects on their way out: a row per job, deleted when its handler is done.
import type { Knex } from "knex";

export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable("outbox", (table) => {
    table.uuid("id").primary();
    // The order in which rows are relayed; the id is what the queue knows.
    table.bigIncrements("seq", { primaryKey: false });
    table.text("job").notNullable();
    table.jsonb("payload").notNullable();
    table.timestamp("created_at").notNullable().defaultTo(knex.fn.now());
    // Null: not in the queue yet. Old and still here: the queue lost it, so it is relayed again.
    table.timestamp("relayed_at");
    // Set when every attempt failed; kept for an operator to see.
    table.timestamp("failed_at");
    table.text("failure");
  });
  await knex.raw("create index outbox_waiting on outbox (seq) where relayed_at is null and failed_at is null");
  await knex.raw("create index outbox_relayed on outbox (relayed_at) where failed_at is null");
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable("outbox");
}
