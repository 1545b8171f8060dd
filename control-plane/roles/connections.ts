// What a role is connected to: opened in order, closed in reverse.
import type { Redis } from "ioredis";
import { type Part, stopInReverse } from "../../platform/lifecycle.ts";
import type { Logger } from "../../platform/log.ts";
import { openObjectStorage } from "../../platform/object-storage/open.ts";
import type { ObjectStorage } from "../../platform/object-storage/storage.ts";
import type { ControlPlaneConfig } from "../config.ts";
import { type ClickHouse, connectClickHouse } from "../database/clickhouse.ts";
import { connectDatabase } from "../database/connection.ts";
import type { Database } from "../database/transaction.ts";
import { connectRedis } from "../jobs/queue.ts";

export interface Connections {
  readonly db: Database;
  readonly redis: Redis;
  readonly clickhouse: ClickHouse;
  readonly storage: ObjectStorage;
  readonly part: Part;
}

const REDIS_COMMAND_TIMEOUT_MS = 2_000;

export async function openConnections(config: ControlPlaneConfig, role: string, log: Logger): Promise<Connections> {
  const storage = await openObjectStorage(config);
  const database = connectDatabase(config.DATABASE_URL, {
    poolMax: config.DATABASE_POOL_MAX,
    applicationName: `edgewright ${role}`,
  });
  const clickhouse = connectClickHouse(config.CLICKHOUSE_URL);
  // What is asked while Redis is away fails at once instead of piling up.
  const redis = connectRedis(config.REDIS_URL, log, {
    enableOfflineQueue: false,
    commandTimeout: REDIS_COMMAND_TIMEOUT_MS,
  });
  const redisPart: Part = { name: "redis connection", stop: async () => redis.disconnect() };
  const storagePart: Part = { name: "object storage", stop: () => storage.stop() };
  return {
    db: database.db,
    redis,
    clickhouse: clickhouse.clickhouse,
    storage,
    part: {
      name: `${role} connections`,
      stop: () => stopInReverse([storagePart, database.part, clickhouse.part, redisPart]),
    },
  };
}
