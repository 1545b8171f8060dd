// What a role is connected to: opened in order, closed in reverse.
import type { Redis } from "ioredis";
import { type Part, stopInReverse } from "../../platform/lifecycle.ts";
import type { Logger } from "../../platform/log.ts";
import { openObjectStorage } from "../../platform/object-storage/open.ts";
import type { ObjectStorage } from "../../platform/object-storage/storage.ts";
import { type Cache, openCache } from "../cache/cache.ts";
import type { ControlPlaneConfig } from "../config.ts";
import { type ClickHouse, connectClickHouse } from "../database/clickhouse.ts";
import { connectDatabase } from "../database/connection.ts";
import type { Database } from "../database/transaction.ts";
import { createMetricsRegistry, type MetricsRegistry } from "../http/metrics.ts";
import { connectRedis } from "../jobs/queue.ts";

export interface Connections {
  readonly db: Database;
  readonly redis: Redis;
  /** Guards every commit of `db`. */
  readonly cache: Cache;
  readonly clickhouse: ClickHouse;
  readonly storage: ObjectStorage;
  readonly registry: MetricsRegistry;
  readonly part: Part;
}

const REDIS_COMMAND_TIMEOUT_MS = 2_000;

export async function openConnections(
  config: ControlPlaneConfig,
  role: string,
  log: Logger,
  applicationName = `edgewright ${role}`,
): Promise<Connections> {
  const storage = await openObjectStorage(config);
  const database = connectDatabase(config.DATABASE_URL, {
    poolMax: config.DATABASE_POOL_MAX,
    applicationName,
  });
  const clickhouse = connectClickHouse(config.CLICKHOUSE_URL);
  // What is asked while Redis is away fails at once instead of piling up.
  const redis = connectRedis(config.REDIS_URL, log, {
    enableOfflineQueue: false,
    commandTimeout: REDIS_COMMAND_TIMEOUT_MS,
  });
  const redisPart: Part = { name: "redis connection", stop: async () => redis.disconnect() };
  const registry = createMetricsRegistry();
  const cache = openCache({
    db: database.db,
    databaseUrl: config.DATABASE_URL,
    redisUrl: config.REDIS_URL,
    // The others write, and what they read they read once.
    reads: role === "api" ? "cached" : "direct",
    ...{ registry, log },
  });
  const storagePart: Part = { name: "object storage", stop: () => storage.stop() };
  return {
    db: database.db,
    redis,
    cache,
    clickhouse: clickhouse.clickhouse,
    storage,
    registry,
    part: {
      name: `${role} connections`,
      stop: () => stopInReverse([storagePart, database.part, clickhouse.part, redisPart, cache.part]),
    },
  };
}
