// Certificates: each a wish with its newest result; which distribution is served with which, and which group's edges have it
// for whom. Keys are secrets; those of the platform's own certificates belong to no account.
import type { Knex } from "knex";

export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable("secret", (table) => {
    // Null: the platform's own.
    table.uuid("account_id").nullable().alter();
  });
  await knex.schema.createTable("certificate", (table) => {
    table.uuid("id").primary();
    // Null: the platform's own.
    table.uuid("account_id").references("account.id");
    table.text("name").notNullable();
    // In lower-case ASCII; `*.` at the front stands for one label.
    table.jsonb("names").notNullable();
    table.boolean("is_automatic").notNullable();
    table.text("key_type").notNullable().checkIn(["ecdsa", "rsa"]);
    table.text("status").notNullable().checkIn(["pending", "active", "failed", "revoked"]);
    table.text("status_reason");
    // PEM, the leaf first; null until there is one, as is all that is read from it.
    table.text("chain");
    table.uuid("key_secret_id").references("secret.id");
    table.text("serial");
    table.text("fingerprint");
    table.timestamp("not_before");
    table.timestamp("not_after");
    table.text("issuer");
    // Rises with each change of what edges show.
    table.bigInteger("version").notNullable().defaultTo(0);
    table.timestamp("renew_at");
    // When its owner last asked for another one.
    table.timestamp("asked_at");
    // The leaf to be revoked once another has taken its place, and why.
    table.jsonb("revocation");
    table.uuid("created_by").references("user.id");
    table.uuid("updated_by").references("user.id");
    table.timestamp("created_at").notNullable();
    table.timestamp("updated_at").notNullable();
    table.timestamp("deleted_at");
    table.index(["account_id", "created_at"]);
  });
  await knex.raw("create index certificate_renewal on certificate (renew_at) where deleted_at is null");
  await knex.raw(`create unique index certificate_of_platform on certificate (name)
    where account_id is null and deleted_at is null`);
  await knex.schema.alterTable("distribution", (table) => {
    table.uuid("certificate_id").references("certificate.id").index();
    // What is shown until that one is issued.
    table.uuid("former_certificate_id").references("certificate.id").index();
    // True: that certificate was made for this distribution, and goes with it.
    table.boolean("le_issue").notNullable().defaultTo(false);
    table.boolean("is_cname_valid").notNullable().defaultTo(false);
    table.boolean("is_acme_challenge_valid").notNullable().defaultTo(false);
  });
  await knex.schema.createTable("edge_certificate_use", (table) => {
    table.uuid("scope").notNullable().references("edge_group.id").onDelete("cascade");
    table.uuid("certificate_id").notNullable().references("certificate.id");
    table.uuid("distribution_id").notNullable().references("distribution.id").index();
    table.primary(["scope", "certificate_id", "distribution_id"]);
  });
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable("edge_certificate_use");
  await knex.schema.alterTable("distribution", (table) => {
    for (const column of ["certificate_id", "former_certificate_id", "le_issue"]) table.dropColumn(column);
    for (const column of ["is_cname_valid", "is_acme_challenge_valid"]) table.dropColumn(column);
  });
  await knex.schema.dropTable("certificate");
  await knex("secret").whereNull("account_id").delete();
  await knex.schema.alterTable("secret", (table) => {
    table.uuid("account_id").notNullable().alter();
  });
}
