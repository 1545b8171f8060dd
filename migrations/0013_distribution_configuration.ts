// What a distribution and its origins can be told beside the first settings, and every state they were in, by number.
import type { Knex } from "knex";

export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable("distribution", (table) => {
    // Null: the built-in one of the acceleration type. No reference: built-in ones are no rows.
    table.uuid("cache_policy_id").index();
    // Null: the origin's own CORS headers pass.
    table.jsonb("cors");
    table
      .jsonb("compression")
      .notNullable()
      .defaultTo(JSON.stringify({ gzip: true, brotli: true }));
    // The number of the newest row in distribution_version.
    table.integer("configuration_version").notNullable().defaultTo(0);
  });
  for (const column of ["label", "domain"]) {
    await knex.raw(
      `create index distribution_listed_by_${column} on distribution (account_id, lower(${column}), id)
       where deleted_at is null`,
    );
  }
  await knex.raw(
    "create index distribution_listed_by_change on distribution (account_id, updated_at desc, id desc) where deleted_at is null",
  );
  await knex.schema.alterTable("origin", (table) => {
    table.boolean("is_tls_verified").notNullable().defaultTo(true);
    table.integer("connect_timeout_seconds").notNullable().defaultTo(5);
    table.integer("read_timeout_seconds").notNullable().defaultTo(30);
    table.jsonb("health_check");
    // Where the order of the customer stands.
    table.integer("position").notNullable().defaultTo(0);
    // S3: the URL, protocol and port are made from these.
    table.text("s3_type").checkIn(["aws", "other"]);
    table.text("s3_style").checkIn(["path", "virtual"]);
    table.text("s3_region");
    table.text("s3_bucket_name");
    table.text("s3_storage_hostname");
    table.text("s3_access_key_id");
    table.uuid("s3_secret_id");
  });
  await knex.raw(`update origin set position = numbered.position from (
    select id, row_number() over (partition by distribution_id order by created_at, id) - 1 as position from origin
  ) numbered where numbered.id = origin.id`);
  await knex.schema.createTable("distribution_version", (table) => {
    table.uuid("distribution_id").notNullable().references("distribution.id");
    table.integer("number").notNullable();
    // The newest `version` of the distribution's row that has this configuration.
    table.bigInteger("source_version").notNullable();
    table.text("action").notNullable();
    table.uuid("user_id");
    table.uuid("api_token_id");
    table.timestamp("created_at").notNullable();
    table.jsonb("configuration").notNullable();
    // Against the version before.
    table.jsonb("changes").notNullable();
    table.primary(["distribution_id", "number"]);
  });
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable("distribution_version");
  await knex.schema.alterTable("origin", (table) => {
    for (const column of [
      ...["is_tls_verified", "connect_timeout_seconds", "read_timeout_seconds", "health_check", "position"],
      ...["s3_type", "s3_style", "s3_region", "s3_bucket_name", "s3_storage_hostname"],
      ...["s3_access_key_id", "s3_secret_id"],
    ]) {
      table.dropColumn(column);
    }
  });
  await knex.raw(
    "drop index distribution_listed_by_label, distribution_listed_by_domain, distribution_listed_by_change",
  );
  await knex.schema.alterTable("distribution", (table) => {
    for (const column of ["cache_policy_id", "cors", "compression", "configuration_version"]) table.dropColumn(column);
  });
}
