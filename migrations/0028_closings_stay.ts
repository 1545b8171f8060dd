// Which months are closed does not change afterwards either: a month that is forgotten would be closed anew, with other accounts.
import type { Knex } from "knex";

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`create trigger usage_closing_only_added before update or delete or truncate on usage_closing
    for each statement execute function refuse_change()`);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw("drop trigger usage_closing_only_added on usage_closing");
}
