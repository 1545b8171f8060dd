// Purges and prefetches: what customers asked for, how far each group of edges got with it, and when it may be forgotten.
import type { Knex } from "knex";

export async function up(knex: Knex): Promise<void> {
  // Where the purges of a distribution stand. Its row is locked by each purge, so that epochs rise.
  await knex.schema.createTable("purge_head", (table) => {
    table.uuid("distribution_id").primary().references("distribution.id");
    table.bigInteger("epoch").notNullable();
    // Of all live purges together.
    table.integer("marks").notNullable();
  });
  await knex.schema.createTable("purge", (table) => {
    table.uuid("id").primary();
    table.uuid("distribution_id").notNullable().references("distribution.id");
    table.bigInteger("epoch").notNullable();
    table.text("type").notNullable().checkIn(["urls", "prefixes", "tags", "all"]);
    // What is purged, in canonical spelling; empty for `all`.
    table.jsonb("items").notNullable();
    table.integer("marks").notNullable();
    // Of the record's body.
    table.integer("bytes").notNullable();
    // False once a newer purge says the same and more, or nothing can be as old any more: its records are tombstones.
    table.boolean("is_live").notNullable().defaultTo(true);
    table.uuid("created_by").references("user.id");
    table.timestamp("created_at").notNullable();
    // Null: it waits for a worker, which alone can sign it.
    table.timestamp("appended_at");
    table.unique(["distribution_id", "epoch"]);
  });
  await knex.raw("create index purge_waiting on purge (created_at) where appended_at is null");
  await knex.raw("create index purge_page on purge (distribution_id, created_at, id)");
  await knex.raw("create index purge_live on purge (distribution_id, epoch) where is_live");
  await knex.raw("create index purge_age on purge (created_at)");
  await knex.schema.createTable("purge_delivery", (table) => {
    table.uuid("purge_id").notNullable().references("purge.id").onDelete("CASCADE");
    table.uuid("scope").notNullable().references("edge_group.id").onDelete("CASCADE");
    // What an edge of the group must have applied; another one after the feed was made anew.
    table.bigInteger("rev").notNullable();
    // When every edge that answered had it.
    table.timestamp("done_at");
    table.primary(["purge_id", "scope"]);
  });
  await knex.raw("create index purge_delivery_waiting on purge_delivery (scope, rev) where done_at is null");
  await knex.schema.createTable("prefetch", (table) => {
    table.uuid("id").primary();
    table.uuid("distribution_id").notNullable().references("distribution.id");
    table.jsonb("urls").notNullable();
    table.uuid("created_by").references("user.id");
    table.timestamp("created_at").notNullable();
    table.timestamp("appended_at");
  });
  await knex.raw("create index prefetch_waiting on prefetch (created_at) where appended_at is null");
  await knex.raw("create index prefetch_age on prefetch (created_at)");
  // What passes: their source_version is the time at which they were asked for, in milliseconds.
  await knex.raw(
    "create index feed_record_passing on feed_record (kind, source_version) where op = 'put' and kind in ('purge', 'prefetch')",
  );
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw("drop index feed_record_passing");
  await knex.schema.dropTable("prefetch");
  await knex.schema.dropTable("purge_delivery");
  await knex.schema.dropTable("purge");
  await knex.schema.dropTable("purge_head");
}
