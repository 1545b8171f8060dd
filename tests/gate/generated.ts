// Writes what is generated and committed: docs/openapi.json from the routes, client/schema.ts from that, docs/schema.sql
// from the migrations. With --check it compares instead, and fails where a committed file is not what would be written.
import { readFile, writeFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";
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

const root = new URL("../../", import.meta.url);
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

/** The types of the client, from the description of the API. */
async function clientTypes(document: string): Promise<string> {
  return `// Generated from docs/openapi.json by \`npm run generate\`; a gate compares it.\n${astToString(await openapiTS(document, { defaultNonNullable: false }))}`;
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
    const sql = await schema(postgres.url);
    const document = await openApi(postgres.url);
    const files = new Map([
      ["docs/schema.sql", sql],
      ["docs/openapi.json", document],
      ["client/schema.ts", await clientTypes(document)],
    ]);
    const isCheck = process.argv.includes("--check");
    const drifted: string[] = [];
    for (const [name, content] of files) {
      const path = new URL(name, root);
      if (!isCheck) await writeFile(path, content);
      else if ((await readFile(path, "utf8").catch(() => "")) !== content) drifted.push(name);
    }
    for (const name of drifted)
      process.stderr.write(`${name} is not what the sources say: run \`npm run generate\` and commit it.\n`);
    return drifted.length === 0 ? 0 : 1;
  } finally {
    await postgres.stop();
  }
}

process.exitCode = await main();
