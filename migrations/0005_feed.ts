// The feed: per edge group the newest record of each kind and id, numbered without gaps by a locked counter.
import type { Knex } from "knex";

export async function up(knex: Knex): Promise<void> {
  // One row. A restored database gets a new feed_id, so that no edge mistakes old numbers for its own.
  await knex.schema.createTable("feed", (table) => {
    table.boolean("singleton").primary().defaultTo(true).checkIn(["true"]);
    table.uuid("feed_id").notNullable();
    table.text("database_identity").notNullable();
    // True until every record is signed for feed_id; edges wait meanwhile and keep what they have.
    table.boolean("rebuilding").notNullable();
    // What compiled the documents; a newer one compiles all of them again.
    table.integer("compiler_version").notNullable();
    table.timestamp("created_at").notNullable().defaultTo(knex.fn.now());
  });
  await knex.schema.createTable("feed_key", (table) => {
    table.text("id").primary();
    table.text("public_key").notNullable();
    // When a worker last started with it: the newest is the one that signs.
    table.timestamp("started_at").notNullable();
  });
  await knex.schema.createTable("feed_scope", (table) => {
    table.uuid("scope").primary().references("edge_group.id");
    table.bigInteger("rev").notNullable().defaultTo(0);
    // An agent that asks from below must take the snapshot: tombstones up to here are gone.
    table.bigInteger("floor_rev").notNullable().defaultTo(0);
    // Sum modulo 2^256 over the live records, 64 hex digits.
    table.text("state_hash").notNullable();
    table.integer("live_records").notNullable().defaultTo(0);
    // 0: no checkpoint for this feed_id. Which object holds it follows from checkpoint_count.
    table.bigInteger("checkpoint_rev").notNullable().defaultTo(0);
    table.bigInteger("checkpoint_count").notNullable().defaultTo(0);
  });
  await knex.schema.createTable("feed_record", (table) => {
    table.uuid("scope").notNullable().references("feed_scope.scope");
    table.text("kind").notNullable();
    table.uuid("id").notNullable();
    table.bigInteger("rev").notNullable();
    table.text("op").notNullable().checkIn(["put", "del"]);
    table.text("hash").notNullable();
    table.text("body").notNullable();
    table.text("signature").notNullable();
    // What the signature is for: a record of an earlier feed waits to be signed again.
    table.uuid("feed_id").notNullable();
    // The version of the source and of the compiler that this comes from: what was compiled from less loses.
    table.bigInteger("source_version").notNullable();
    table.integer("compiler_version").notNullable();
    table.timestamp("appended_at").notNullable().defaultTo(knex.fn.now());
    table.primary(["scope", "kind", "id"]);
    table.unique(["scope", "rev"]);
  });
  await knex.raw("create index feed_record_tombstone on feed_record (scope, rev) where op = 'del'");
  // How far each distribution's document got: compiled and wanted at `rev`, or quarantined with the reason.
  await knex.schema.createTable("deployment", (table) => {
    table.uuid("distribution_id").notNullable().references("distribution.id");
    table.uuid("scope").notNullable().references("edge_group.id");
    table.bigInteger("rev").notNullable();
    table.bigInteger("source_version").notNullable();
    table.text("state").notNullable().checkIn(["deploying", "active", "refused", "removing", "removed"]);
    // `compile`, or the stage at which an edge refused it.
    table.text("refused_stage");
    table.text("reason");
    table.timestamp("updated_at").notNullable().defaultTo(knex.fn.now());
    table.primary(["distribution_id", "scope"]);
  });
  await knex.raw(
    "create index deployment_under_way on deployment (scope, rev) where state in ('deploying', 'removing')",
  );
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable("deployment");
  await knex.schema.dropTable("feed_record");
  await knex.schema.dropTable("feed_scope");
  await knex.schema.dropTable("feed_key");
  await knex.schema.dropTable("feed");
}
