// Answers that are kept for a day, for whoever asks again with the same Idempotency-Key.
import type { Knex } from "knex";

export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable("idempotency_key", (table) => {
    // User, account and API token: a key is a name of its caller's own.
    table.text("caller").notNullable();
    table.text("key").notNullable();
    // With a hash of the request, whose body may hold a password, and the answer, which may hold a secret that is shown
    // once. Null only inside the transaction that does the work.
    table.jsonb("answer_sealed");
    table.timestamp("created_at").notNullable().defaultTo(knex.fn.now()).index();
    table.primary(["caller", "key"]);
  });
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable("idempotency_key");
}
