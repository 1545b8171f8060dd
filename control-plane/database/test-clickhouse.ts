// A ClickHouse of its own for a test file: the embedded engine, migrated, and killable. Tests only.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { startClickHouse } from "../../platform/embedded/clickhouse/start.ts";
import { createLogger } from "../../platform/log.ts";
import { type ClickHouse, connectClickHouse } from "./clickhouse.ts";
import { migrateClickHouse } from "./clickhouse-migrate.ts";

export interface TestClickHouse {
  readonly clickhouse: ClickHouse;
  readonly url: string;
  /** As a crash would: SIGKILL. It comes back by itself in about a second. */
  kill(): void;
  /** From now on whoever asks has these rights and no others. Each is a GRANT that names no user; tables with their database. */
  allowOnly(grants: readonly string[]): Promise<void>;
  stop(): Promise<void>;
}

const log = createLogger({ role: "test", level: "silent" });

export async function createTestClickHouse(): Promise<TestClickHouse> {
  const folder = await mkdtemp(join(tmpdir(), "edgewright-clickhouse-"));
  const { url, part: server } = await startClickHouse({ folder, log });
  await migrateClickHouse(url);
  const { clickhouse, part: client } = connectClickHouse(url);
  function kill(): void {
    const pid = server.pid();
    if (pid !== undefined) process.kill(pid, "SIGKILL");
  }
  return {
    clickhouse,
    url,
    kill,
    async allowOnly(grants) {
      const users = join(folder, "users.xml");
      await writeFile(users, usersWith(grants));
      // The engine reads this file of the folder that it works in, when it starts.
      await writeFile(join(folder, "config.xml"), `<clickhouse><users_config>${users}</users_config></clickhouse>`);
      const [before, deadline] = [server.pid(), AbortSignal.timeout(RESTART_TIMEOUT_MS)];
      kill();
      while (server.pid() === undefined || server.pid() === before) await wait(20, undefined, { signal: deadline });
    },
    async stop() {
      await client.stop();
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const RESTART_TIMEOUT_MS = 30_000;
/** What our server around the engine asks when it starts. */
const OWN_RIGHTS = ["GRANT CREATE DATABASE ON *.*"];

/** The engine knows no user but `default`. */
function usersWith(grants: readonly string[]): string {
  const queries = [...OWN_RIGHTS, ...grants].map((grant) => `<query>${grant}</query>`).join("");
  return `<clickhouse>
    <profiles><default/></profiles>
    <quotas><default/></quotas>
    <users><default>
      <password/>
      <networks><ip>::/0</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
      <grants>${queries}</grants>
    </default></users>
  </clickhouse>`;
}
