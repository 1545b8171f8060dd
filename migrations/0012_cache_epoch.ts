// The epoch of the caches: entries of an earlier one are not believed. Raised by writers that cannot reach Redis.
import type { Knex } from "knex";

export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable("cache_epoch", (table) => {
    table.boolean("singleton").primary().defaultTo(true).checkIn(["true"]);
    table.bigInteger("epoch").notNullable();
  });
  // From the clock: a table made anew does not count through the epochs of the one before it.
  await knex.raw("insert into cache_epoch (epoch) values ((extract(epoch from clock_timestamp()) * 1000)::bigint)");
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable("cache_epoch");
}
