// Certificates by ACME: how we are known to an authority, orders with all that is needed to go on with them after a crash,
// what was asked of authorities lately, and when each certificate is looked after again.
import type { Knex } from "knex";

export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable("acme_account", (table) => {
    table.text("directory_url").primary();
    table.text("url").notNullable();
    // As registered: when the settings say otherwise, it is registered again.
    table.text("contact");
    table.text("eab_key_id");
    table.timestamp("registered_at").notNullable();
  });
  await knex.schema.createTable("acme_order", (table) => {
    table.uuid("id").primary();
    table.uuid("certificate_id").notNullable().references("certificate.id").onDelete("cascade");
    table.text("directory_url").notNullable();
    table
      .text("state")
      .notNullable()
      .checkIn(["waiting", "ordering", "challenging", "finalizing", "downloading", "done", "failed", "withdrawn"]);
    // In lower-case ASCII, sorted; `*.` at the front stands for one label.
    table.jsonb("names").notNullable();
    table.text("key_type").notNullable().checkIn(["ecdsa", "rsa"]);
    // RFC 9773: the certificate that this one takes the place of.
    table.text("replaces");
    // Its time had come: nobody asked for it beside.
    table.boolean("is_due").notNullable();
    // How each name is to be proven.
    table.jsonb("methods").notNullable();
    table.text("order_url");
    table.text("certificate_url");
    // What edges or the zone hold for this order.
    table.jsonb("answers").notNullable();
    // They may hold it still.
    table.boolean("is_published").notNullable().defaultTo(false);
    // The certificate's private key (PEM), until the certificate is stored.
    table.jsonb("sealed");
    table.text("csr");
    // How often it began anew because the authority knew nothing of it; how often in a row the outside did not answer.
    table.integer("restarts").notNullable().defaultTo(0);
    table.integer("stumbles").notNullable().defaultTo(0);
    table.text("reason");
    table.timestamp("next_at").notNullable();
    // Who works on it, and until when that counts.
    table.uuid("lease");
    table.timestamp("leased_until");
    table.timestamp("created_at").notNullable();
    table.timestamp("ended_at");
    table.index("certificate_id");
  });
  await knex.raw("create index acme_order_due on acme_order (next_at) where ended_at is null or is_published");
  await knex.raw("create unique index acme_order_live on acme_order (certificate_id) where ended_at is null");
  // Orders of one name take turns.
  await knex.schema.createTable("acme_name", (table) => {
    table.text("name").primary();
    table.uuid("order_id").notNullable().references("acme_order.id").onDelete("cascade").index();
  });
  // Token buckets: how much may still be asked at once.
  await knex.schema.createTable("acme_limit", (table) => {
    table.text("key").primary();
    table.double("tokens").notNullable();
    table.timestamp("filled_at").notNullable().index();
  });
  await knex.schema.createTable("acme_renewal", (table) => {
    table.uuid("certificate_id").primary().references("certificate.id").onDelete("cascade");
    // How many orders in a row failed at the authority.
    table.integer("failures").notNullable().defaultTo(0);
    // And before it was asked.
    table.integer("early_failures").notNullable().defaultTo(0);
    // Who issued the certificate that serves, and its RFC 9773 identifier there; null: none yet, or it has none.
    table.text("directory_url");
    table.text("renewal_id");
    // When the authority is asked again for the window in which it wants to be asked.
    table.timestamp("check_at").index();
    table.integer("check_failures").notNullable().defaultTo(0);
    table.timestamp("window_start");
    table.timestamp("window_end");
  });
}

export async function down(knex: Knex): Promise<void> {
  for (const table of ["acme_renewal", "acme_limit", "acme_name", "acme_order", "acme_account"]) {
    await knex.schema.dropTable(table);
  }
}
