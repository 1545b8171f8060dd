// Accounts that end, invitations, API tokens, suspended users, and the audit log's indexes.
import type { Knex } from "knex";

const NEWEST_FIRST = "created_at desc, id desc";

export async function up(knex: Knex): Promise<void> {
  // The row of a deleted account stays for what refers to it: distributions that are gone, reports, the audit log.
  await knex.schema.alterTable("account", (table) => {
    table.timestamp("deleted_at");
  });
  // Whoever leaves and comes back is another member: what belonged to the first membership does not revive.
  await knex.schema.alterTable("membership", (table) => {
    table.uuid("id").notNullable().defaultTo(knex.raw("gen_random_uuid()")).unique();
  });
  await knex.schema.alterTable("user", (table) => {
    table.timestamp("suspended_at");
    table.text("suspension_reason");
  });
  await knex.raw(`create index user_listed on "user" (${NEWEST_FIRST})`);
  await knex.raw(`create index user_username_begins on "user" (lower(username) text_pattern_ops)`);
  await knex.raw(`create index user_email_begins on "user" (lower(email) text_pattern_ops)`);
  await createInvitation(knex);
  await createApiToken(knex);
  await createAuditIndexes(knex);
}

async function createInvitation(knex: Knex): Promise<void> {
  await knex.schema.createTable("invitation", (table) => {
    table.uuid("id").primary();
    table.uuid("account_id").notNullable().references("account.id");
    table.text("email").notNullable();
    table.text("role").notNullable().checkIn(["owner", "admin", "editor", "viewer"]);
    table.text("status").notNullable().checkIn(["pending", "accepted", "declined", "revoked", "expired"]);
    // SHA-256 of what was mailed last.
    table.text("token_hash").notNullable().unique();
    table.uuid("invited_by").notNullable().references("user.id");
    table.integer("mails").notNullable();
    table.timestamp("created_at").notNullable();
    table.timestamp("mailed_at").notNullable();
    table.timestamp("expires_at").notNullable();
    table.timestamp("ended_at");
  });
  await knex.raw(`create index invitation_listed on invitation (account_id, ${NEWEST_FIRST})`);
  await knex.raw(
    "create unique index invitation_pending_unique on invitation (account_id, lower(email)) where status = 'pending'",
  );
}

async function createApiToken(knex: Knex): Promise<void> {
  await knex.schema.createTable("api_token", (table) => {
    table.uuid("id").primary();
    table.uuid("account_id").notNullable().references("account.id");
    table.uuid("user_id").notNullable().references("user.id");
    // No reference: the token's row outlives the membership, which it dies with.
    table.uuid("membership_id").notNullable().index();
    table.text("name").notNullable();
    table.specificType("scopes", "text[]").notNullable();
    table.text("token_hash").notNullable().unique();
    table.timestamp("created_at").notNullable();
    table.timestamp("expires_at");
    table.timestamp("last_used_at");
    table.timestamp("revoked_at");
  });
  await knex.raw(`create index api_token_listed on api_token (account_id, ${NEWEST_FIRST}) where revoked_at is null`);
}

/** One per filter that may be rare among millions of entries; each serves its filter newest first. */
async function createAuditIndexes(knex: Knex): Promise<void> {
  const indexes: Record<string, string> = {
    audit_entry_listed: `(${NEWEST_FIRST})`,
    audit_entry_of_user: `(user_id, ${NEWEST_FIRST})`,
    audit_entry_of_api_token: `(api_token_id, ${NEWEST_FIRST}) where api_token_id is not null`,
    audit_entry_of_action: `(action text_pattern_ops, ${NEWEST_FIRST})`,
    audit_entry_of_account_and_action: `(account_id, action text_pattern_ops, ${NEWEST_FIRST})`,
    audit_entry_of_account_and_type: `(account_id, resource_type, ${NEWEST_FIRST})`,
  };
  for (const [name, columns] of Object.entries(indexes)) {
    await knex.raw(`create index ${name} on audit_entry ${columns}`);
  }
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(
    "drop index audit_entry_listed, audit_entry_of_user, audit_entry_of_api_token, audit_entry_of_action, " +
      "audit_entry_of_account_and_action, audit_entry_of_account_and_type",
  );
  await knex.schema.dropTable("api_token");
  await knex.schema.dropTable("invitation");
  await knex.raw("drop index user_listed, user_username_begins, user_email_begins");
  await knex.schema.alterTable("user", (table) => {
    table.dropColumns("suspended_at", "suspension_reason");
  });
  await knex.schema.alterTable("membership", (table) => {
    table.dropColumn("id");
  });
  await knex.schema.alterTable("account", (table) => {
    table.dropColumn("deleted_at");
  });
}
