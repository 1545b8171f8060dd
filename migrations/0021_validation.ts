// Proof of who may serve a name, and what the newest look at each claimed name found.
import type { Knex } from "knex";

export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable("domain", (table) => {
    table.text("proof").notNullable().defaultTo("none").checkIn(["none", "token", "cname"]);
    // Since when it is proven like that.
    table.timestamp("proven_at");
    // Since when another claim serves the name that this one served: it was proven better.
    table.timestamp("lost_at");
    table.index("name");
  });
  await knex.schema.createTable("domain_validation", (table) => {
    table.uuid("domain_id").primary().references("domain.id").onDelete("CASCADE");
    // When the newest look that is kept here began; null: nobody has looked yet.
    table.timestamp("checked_at");
    table.timestamp("next_check_at").notNullable().index();
    // When somebody last asked for a look.
    table.timestamp("asked_at");
    // How many looks in a row found something amiss.
    table.integer("failures").notNullable().defaultTo(0);
    // Since when the name leads here, and since when it no longer does; both null: it never did.
    table.timestamp("pointing_since");
    table.timestamp("away_since");
    table.timestamp("warned_at");
    table.jsonb("report");
  });
  await knex.raw("insert into domain_validation (domain_id, next_check_at) select id, now() from domain");
  await knex("distribution")
    .where({ domain_type: "subdomain" })
    .update({ is_cname_valid: true, is_acme_challenge_valid: true });
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable("domain_validation");
  await knex.schema.alterTable("domain", (table) => {
    table.dropIndex("name");
    table.dropColumns("proof", "proven_at", "lost_at");
  });
}
