// People, accounts and who belongs to which.
import type { Knex } from "knex";

export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable("account", (table) => {
    table.uuid("id").primary();
    table.text("name").notNullable();
    table.timestamp("created_at").notNullable().defaultTo(knex.fn.now());
    table.timestamp("updated_at").notNullable().defaultTo(knex.fn.now());
  });
  await knex.schema.createTable("user", (table) => {
    table.uuid("id").primary();
    table.text("username").notNullable();
    table.text("email").notNullable();
    table.text("password_hash").notNullable();
    table.text("platform_role").notNullable().checkIn(["user", "premium", "moderator", "admin"]);
    table.timestamp("created_at").notNullable().defaultTo(knex.fn.now());
    table.timestamp("updated_at").notNullable().defaultTo(knex.fn.now());
  });
  await knex.raw(`create unique index user_username_unique on "user" (lower(username))`);
  await knex.raw(`create unique index user_email_unique on "user" (lower(email))`);
  await knex.schema.createTable("membership", (table) => {
    table.uuid("account_id").notNullable().references("account.id");
    table.uuid("user_id").notNullable().references("user.id").index();
    table.text("role").notNullable().checkIn(["owner", "admin", "editor", "viewer"]);
    table.timestamp("created_at").notNullable().defaultTo(knex.fn.now());
    table.primary(["account_id", "user_id"]);
  });
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable("membership");
  await knex.schema.dropTable("user");
  await knex.schema.dropTable("account");
}
