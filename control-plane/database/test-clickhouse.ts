// A ClickHouse of its own for a test file: the embedded engine, migrated, and killable. Tests only.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startClickHouse } from "../../platform/embedded/clickhouse/start.ts";
import { createLogger } from "../../platform/log.ts";
import { type ClickHouse, connectClickHouse } from "./clickhouse.ts";
import { migrateClickHouse } from "./clickhouse-migrate.ts";

export interface TestClickHouse {
  readonly clickhouse: ClickHouse;
  readonly url: string;
  /** As a crash would: SIGKILL. It comes back by itself in about a second. */
  kill(): void;
  stop(): Promise<void>;
}

const log = createLogger({ role: "test", level: "silent" });

export async function createTestClickHouse(): Promise<TestClickHouse> {
  const folder = await mkdtemp(join(tmpdir(), "edgewright-clickhouse-"));
  const { url, part: server } = await startClickHouse({ folder, log });
  await migrateClickHouse(url);
  const { clickhouse, part: client } = connectClickHouse(url);
  return {
    clickhouse,
    url,
    kill() {
      const pid = server.pid();
      if (pid !== undefined) process.kill(pid, "SIGKILL");
    },
    async stop() {
      await client.stop();
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
