// Who changed what. Rows are added and never altered: the database itself refuses.
import type { Knex } from "knex";

export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable("audit_entry", (table) => {
    table.uuid("id").primary();
    table.timestamp("created_at").notNullable().defaultTo(knex.raw("clock_timestamp()"));
    // No references: an entry outlives what it tells of.
    table.uuid("account_id");
    table.uuid("user_id");
    table.uuid("api_token_id");
    table.text("request_id");
    table.text("client_address");
    table.text("action").notNullable();
    table.text("resource_type").notNullable();
    table.text("resource_id").notNullable();
    table.jsonb("changes").notNullable();
  });
  await knex.raw("create index audit_entry_of_account on audit_entry (account_id, created_at desc, id desc)");
  await knex.raw("create index audit_entry_of_resource on audit_entry (resource_id, created_at desc, id desc)");
  await knex.raw(`create function refuse_change() returns trigger language plpgsql as
    $$ begin raise exception 'rows of % are only ever added', tg_table_name; end $$`);
  await knex.raw(`create trigger audit_entry_only_added before update or delete or truncate on audit_entry
    for each statement execute function refuse_change()`);
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable("audit_entry");
  await knex.raw("drop function refuse_change()");
}
