// One Postgres for a whole test run, started when the first test file asks for a database: pure tests never pay for it.
// It listens on loopback only and ends with the run.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestProject } from "vitest/node";
import { migrateUp } from "../control-plane/database/migrate.ts";
import { createDatabase, databaseUrl } from "../control-plane/database/test-database.ts";
import { startTestPostgres } from "../platform/embedded/test-services.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** `GET` answers the run's Postgres and its migrated template database as JSON. */
    postgresDoor: string;
  }
}

const TEMPLATE = "edgewright_template";

// biome-ignore lint/style/noDefaultExport: vitest calls the default export
export default async function openPostgresDoor(project: TestProject): Promise<() => Promise<void>> {
  let postgres: ReturnType<typeof startWithTemplate> | undefined;
  const door = createServer((_request, response) => {
    postgres ??= startWithTemplate();
    postgres.then(
      ({ url }) => response.end(JSON.stringify({ url, template: TEMPLATE })),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  await new Promise<void>((resolve) => door.listen(0, "127.0.0.1", resolve));
  project.provide("postgresDoor", `http://127.0.0.1:${portOf(door.address())}/`);

  return async () => {
    door.close();
    door.closeAllConnections();
    // A failed start has said so to whoever asked; there is nothing to stop then.
    const started = await postgres?.catch(() => undefined);
    await started?.stop();
  };
}

async function startWithTemplate() {
  const postgres = await startTestPostgres();
  await createDatabase(postgres.url, TEMPLATE);
  await migrateUp(databaseUrl(postgres.url, TEMPLATE));
  return postgres;
}

function portOf(address: string | AddressInfo | null): number {
  if (address === null || typeof address === "string") throw new Error("the door has no port");
  return address.port;
}
