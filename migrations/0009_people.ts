// People: their sessions, profiles, second factors, the other identities they log in with, and the tokens that reach
// them by mail.
import type { Knex } from "knex";

export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable("user", (table) => {
    // Who came with a wallet, or on another issuer's word, has neither until they set them.
    table.setNullable("email");
    table.setNullable("password_hash");
    table.timestamp("email_verified_at");
    table.text("name");
    table.text("bio");
    table.text("avatar_url");
  });
  await knex.schema.createTable("session", (table) => {
    // The `jti` of the token that stands for it.
    table.uuid("id").primary();
    table.uuid("user_id").notNullable().references("user.id");
    table.text("method").notNullable().checkIn(["password", "ethereum", "openid", "command"]);
    table.timestamp("created_at").notNullable();
    table.timestamp("expires_at").notNullable().index();
    table.timestamp("ended_at");
    table.text("client_address");
    table.text("user_agent");
    table.index(["user_id", "created_at", "id"]);
  });
  await knex.schema.createTable("one_time_token", (table) => {
    // SHA-256 of what the person holds.
    table.text("hash").primary();
    table.text("purpose").notNullable().checkIn(["verify-email", "reset-password", "log-in"]);
    table.uuid("user_id").notNullable().references("user.id");
    // The address that it was sent to: it is good for this one alone.
    table.text("email");
    // The request that asked for it, of which a mail that is sent again makes another.
    table.uuid("cause").notNullable();
    table.timestamp("created_at").notNullable();
    table.timestamp("expires_at").notNullable().index();
    table.index(["user_id", "purpose"]);
  });
  await knex.schema.createTable("user_totp", (table) => {
    table.uuid("user_id").primary().references("user.id");
    table.jsonb("sealed").notNullable();
    table.timestamp("created_at").notNullable();
    // Null until a first code has proven that the authenticator has the secret.
    table.timestamp("confirmed_at");
    // The last time step whose code was taken: none is taken twice (RFC 6238 §5.2).
    table.integer("last_step");
    table.integer("failures").notNullable().defaultTo(0);
    table.timestamp("locked_until");
  });
  await knex.schema.createTable("recovery_code", (table) => {
    table.uuid("user_id").notNullable().references("user_totp.user_id").onDelete("cascade");
    table.text("hash").notNullable();
    table.primary(["user_id", "hash"]);
  });
  await knex.schema.createTable("identity", (table) => {
    table.uuid("id").primary();
    table.uuid("user_id").notNullable().references("user.id").index();
    table.text("kind").notNullable().checkIn(["ethereum", "openid"]);
    // Of an OpenID issuer its URL; `eip155` for Ethereum.
    table.text("issuer").notNullable();
    // The issuer's own id of the person; the address in lower case.
    table.text("subject").notNullable();
    table.timestamp("created_at").notNullable();
    table.unique(["kind", "issuer", "subject"]);
  });
  await knex.schema.createTable("ethereum_nonce", (table) => {
    table.text("nonce").primary();
    table.timestamp("expires_at").notNullable().index();
  });
}

export async function down(knex: Knex): Promise<void> {
  for (const table of ["ethereum_nonce", "identity", "recovery_code", "user_totp", "one_time_token", "session"])
    await knex.schema.dropTable(table);
  // Nobody gets in by these, and no mail goes there.
  await knex.raw(`update "user" set email = id || '@no-mail.invalid' where email is null`);
  await knex.raw(`update "user" set password_hash = '' where password_hash is null`);
  await knex.schema.alterTable("user", (table) => {
    table.dropNullable("email");
    table.dropNullable("password_hash");
    table.dropColumns("email_verified_at", "name", "bio", "avatar_url");
  });
}
