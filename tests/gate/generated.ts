// Writes what is generated and committed: docs/openapi.json from the routes, docs/schema.sql from the migrations. With
// --check it compares instead, and fails where a committed file is not what would be written.
import { readFile, writeFile } from "node:fs/promises";
import { controlPlaneSchema } from "../../control-plane/config.ts";
import { connectDatabase } from "../../control-plane/database/connection.ts";
import { describeSchema } from "../../control-plane/database/describe-schema.ts";
import { migrateUp } from "../../control-plane/database/migrate.ts";
import { startFeedGateway } from "../../control-plane/domains/feed/index.ts";
import { openApiDocument } from "../../control-plane/http/platform-routes.ts";
import { apiRoutes } from "../../control-plane/roles/api.ts";
import { openConnections } from "../../control-plane/roles/connections.ts";
import { createServices } from "../../control-plane/roles/services.ts";
import { startTestPostgres } from "../../platform/embedded/test-services.ts";
import { stopInReverse } from "../../platform/lifecycle.ts";
import { createLogger } from "../../platform/log.ts";

const docs = new URL("../../docs/", import.meta.url);
const GENERATED_NOTE = "-- Generated from migrations/ by `npm run generate`; a gate compares it.\n\n";

/** The routes need no running service to be described, only the objects that would ask one. */
async function openApi(databaseUrl: string): Promise<string> {
  const config = controlPlaneSchema.parse({
    DATABASE_URL: databaseUrl,
    REDIS_URL: "redis://127.0.0.1:1",
    CLICKHOUSE_URL: "http://127.0.0.1:1",
    MASTER_KEY: "0".repeat(64),
  });
  const log = createLogger({ role: "generate", level: "silent" });
  const connections = await openConnections(config, "generate", log);
  const gateway = startFeedGateway({ db: connections.db, clock: () => new Date(), log });
  try {
    const routes = apiRoutes(createServices(config, connections, log), connections, gateway, log);
    return `${JSON.stringify(openApiDocument(routes), null, 2)}\n`;
  } finally {
    await stopInReverse([connections.part, gateway.part]);
  }
}

async function schema(databaseUrl: string): Promise<string> {
  await migrateUp(databaseUrl);
  const { db, part } = connectDatabase(databaseUrl, { poolMax: 1, applicationName: "generate" });
  try {
    return `${GENERATED_NOTE}${await describeSchema(db)}`;
  } finally {
    await part.stop();
  }
}

async function main(): Promise<number> {
  const postgres = await startTestPostgres();
  try {
    const files = new Map([
      ["schema.sql", await schema(postgres.url)],
      ["openapi.json", await openApi(postgres.url)],
    ]);
    const isCheck = process.argv.includes("--check");
    const drifted: string[] = [];
    for (const [name, content] of files) {
      const path = new URL(name, docs);
      if (!isCheck) await writeFile(path, content);
      else if ((await readFile(path, "utf8").catch(() => "")) !== content) drifted.push(`docs/${name}`);
    }
    for (const name of drifted)
      process.stderr.write(`${name} is not what the sources say: run \`npm run generate\` and commit it.\n`);
    return drifted.length === 0 ? 0 : 1;
  } finally {
    await postgres.stop();
  }
}

process.exitCode = await main();
