// `edgewright migrate`: brings the tables of Postgres and ClickHouse to what this version expects, or takes one
// step back. With ADMIN_EMAIL and ADMIN_PASSWORD it makes the first administrator.
import type { Command } from "commander";
import type { z } from "zod";
import { readConfig } from "../../platform/config.ts";
import { administratorSchema, controlPlaneSchema } from "../config.ts";
import { migrateClickHouse } from "../database/clickhouse-migrate.ts";
import { migrateDown, migrateUp } from "../database/migrate.ts";
import { answeringCommand, type Terminal } from "./command.ts";
import { withServices } from "./operator.ts";
import type { Environment } from "./running.ts";

const migrateSchema = controlPlaneSchema
  .pick({ DATABASE_URL: true, CLICKHOUSE_URL: true, CLICKHOUSE_CLUSTER: true })
  .extend(administratorSchema.shape);

export function migrateCommand(terminal: Terminal): Command {
  return answeringCommand(terminal, {
    name: "migrate",
    summary: "bring the databases to what this version expects",
    declare: (command) => command.option("--down", "take the newest Postgres migration back"),
    async run(_args, { down }) {
      const config = readConfig(migrateSchema, terminal.env);
      if (down === true) return { undone: await migrateDown(config.DATABASE_URL) };
      const postgres = await migrateUp(config.DATABASE_URL);
      const clickhouse = await migrateClickHouse(config.CLICKHOUSE_URL, { cluster: config.CLICKHOUSE_CLUSTER });
      return { postgres, clickhouse, administrator: await ensureAdministrator(terminal.env, config) };
    },
    present(answer) {
      if ("undone" in answer) return describe("taken back", answer.undone);
      const made = answer.administrator === null ? [] : [`Administrator: ${answer.administrator}`];
      return [describe("Postgres", answer.postgres), describe("ClickHouse", answer.clickhouse), ...made].join("\n");
    },
  });
}

/** The first administrator, when the settings name one and there is none yet; the address comes back. */
async function ensureAdministrator(
  env: Environment,
  person: z.output<typeof administratorSchema>,
): Promise<string | null> {
  const { ADMIN_EMAIL: email, ADMIN_PASSWORD: password } = person;
  if (email === undefined || password === undefined) return null;
  const made = await withServices(env, ({ services }) => services.auth.ensureAdministrator({ email, password }));
  return made?.email ?? null;
}

function describe(what: string, names: readonly string[]): string {
  return `${what}: ${names.length === 0 ? "nothing to do" : names.join(", ")}`;
}
