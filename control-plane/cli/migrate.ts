// `edgewright migrate`: brings the tables of Postgres and ClickHouse to what this version expects, or takes one step back.
import type { Command } from "commander";
import { readConfig } from "../../platform/config.ts";
import { controlPlaneSchema } from "../config.ts";
import { migrateClickHouse } from "../database/clickhouse-migrate.ts";
import { migrateDown, migrateUp } from "../database/migrate.ts";
import { answeringCommand, type Terminal } from "./command.ts";

const migrateSchema = controlPlaneSchema.pick({ DATABASE_URL: true, CLICKHOUSE_URL: true });

export function migrateCommand(terminal: Terminal): Command {
  return answeringCommand(terminal, {
    name: "migrate",
    summary: "bring the databases to what this version expects",
    declare: (command) => command.option("--down", "take the newest Postgres migration back"),
    async run(_args, { down }) {
      const config = readConfig(migrateSchema, terminal.env);
      if (down === true) return { undone: await migrateDown(config.DATABASE_URL) };
      return {
        postgres: await migrateUp(config.DATABASE_URL),
        clickhouse: await migrateClickHouse(config.CLICKHOUSE_URL),
      };
    },
    present(answer) {
      if ("undone" in answer) return describe("taken back", answer.undone);
      return [describe("Postgres", answer.postgres), describe("ClickHouse", answer.clickhouse)].join("\n");
    },
  });
}

function describe(what: string, names: readonly string[]): string {
  return `${what}: ${names.length === 0 ? "nothing to do" : names.join(", ")}`;
}
